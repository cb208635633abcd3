-- schedule: when the head of a lane is due, and which goes first.
--
-- A lane is all that one endpoint is owed about one recipient, in order; its first delivery, the head, is the only one
-- that may be attempted. heads: recipient -> 'event attempts urgent token' (token '-' while no dispatcher holds it).
-- due: recipient by time. Opt-outs are due in the same set, URGENT lower, so that they are found before all others.
-- next: endpoint by the time its first head is due, so that nobody looks at an endpoint that is owed nothing yet.
local URGENT = 8796093022208 -- 2^43 ms, later than any clock

local function score(at, urgent)
  if urgent == '1' then return at - URGENT end
  return at
end

local function head(event, attempts, urgent, token)
  return event .. ' ' .. attempts .. ' ' .. urgent .. ' ' .. token
end

local function parse_head(text)
  if not text then return nil end
  local event, attempts, urgent, token = string.match(text, '^(%S+) (%S+) (%S+) (%S+)$')
  return {event = event, attempts = tonumber(attempts), urgent = urgent, token = token}
end

local function make_due(keys, endpoint, recipient, urgent, at)
  redis.call('ZADD', keys.due, score(at, urgent), recipient)
  redis.call('ZADD', keys.next, 'LT', at, endpoint)
end

-- After heads were taken from an endpoint: when will its next one be due? '' for never.
local function refresh_next(keys, endpoint)
  local first = redis.call('ZRANGE', keys.due, 0, 0, 'WITHSCORES')
  if #first == 0 then
    redis.call('ZREM', keys.next, endpoint)
    return ''
  end
  local at = tonumber(first[2])
  if at < 0 then
    at = at + URGENT
    local plain = redis.call('ZRANGE', keys.due, 0, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    if #plain > 0 then at = math.min(at, tonumber(plain[2])) end
  end
  redis.call('ZADD', keys.next, at, endpoint)
  return at
end

-- One more delivery for a lane: its head if the lane is empty, else behind the others.
local function join_lane(keys, endpoint, recipient, event, urgent, at)
  if redis.call('HSETNX', keys.heads, recipient, head(event, 0, urgent, '-')) == 1 then
    make_due(keys, endpoint, recipient, urgent, at)
  else
    redis.call('RPUSH', keys.lane, event .. ' ' .. urgent)
  end
end

-- The head is done with: the one behind it takes its place, due now. Returns when, or '' if there is none.
local function advance_lane(keys, endpoint, recipient, at)
  local waiting = redis.call('LPOP', keys.lane)
  if not waiting then
    redis.call('HDEL', keys.heads, recipient)
    return ''
  end
  local event, urgent = string.match(waiting, '^(%S+) (%S+)$')
  redis.call('HSET', keys.heads, recipient, head(event, 0, urgent, '-'))
  make_due(keys, endpoint, recipient, urgent, at)
  return at
end
