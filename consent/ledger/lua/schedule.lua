-- schedule: when the head of a lane is due, and which goes first.
--
-- A lane is all that one endpoint is owed about one recipient, in order; its first delivery, the head, is the only one
-- that may be attempted. heads: recipient -> 'event attempts mark token' (token '-' while no dispatcher holds it).
-- lane: 'event mark' of what waits behind. mark: '1' an opt-out, '0' any other; in a replay 'R' and 'r'; 'l' of a list.
-- In heads a '!' follows it where an opt-out, a '1', waits behind: the head goes as early as that would.
-- due: recipient by time, in four bands one BAND apart, so that each can be asked for alone:
--     -1 opt-outs   0 all others   1 opt-outs that were tried before   2 others that were tried before
-- Replays and lists are filed as what was tried before: however many they are, what was just said goes first.
-- next: endpoint by the time its first head is due, so that nobody looks at an endpoint that is owed nothing yet.
-- unheard: the opt-outs that an endpoint was not told of, wherever they wait, by the time they were recorded; and under
-- the same name without the endpoint, which endpoints have such, none older than the score says (lua/unheard.lua).
local BAND = 8796093022208 -- 2^43 ms, later than any clock

local OPT_OUT = {['1'] = true, R = true}
local IN_BULK = {R = true, r = true, l = true}
local REPLAYED = {R = true, r = true}

local function band(one)
  local is_hurried = one.hurry == '!'
  local is_behind_others = one.attempts > 0 or (IN_BULK[one.mark] and not is_hurried)
  return ((OPT_OUT[one.mark] or is_hurried) and -1 or 0) + (is_behind_others and 2 or 0)
end

local function head(one, token)
  return one.event .. ' ' .. one.attempts .. ' ' .. one.mark .. one.hurry .. ' ' .. token
end

local function parse_head(text)
  if not text then return nil end
  local event, attempts, mark, hurry, token = string.match(text, '^(%S+) (%S+) (%w)(!?) (%S+)$')
  return {event = event, attempts = tonumber(attempts), mark = mark, hurry = hurry, token = token}
end

-- keys.later: what is filed where, to be done with few commands in the end, where there is much of it. Of the sets that
-- keep the lowest score, the first one is that: all become due at the same instant, and events come in their order.
local function file(keys, zset, score, member)
  if not keys.later then return redis.call('ZADD', zset, score, member) end
  local filed = keys.later.all[zset] or {}
  filed[#filed + 1], filed[#filed + 2] = score, member
  keys.later.all[zset] = filed
end

local function file_lowest(keys, zset, score, member)
  if not keys.later then return redis.call('ZADD', zset, 'LT', score, member) end
  local filed = keys.later.lowest[zset] or {}
  filed[member] = filed[member] or score
  keys.later.lowest[zset] = filed
end

-- In stretches: Lua passes some thousand arguments at most, and one event may concern more endpoints than that.
local FILED_AT_ONCE = 1000

local function file_what_is_left(later)
  for zset, filed in pairs(later.all) do
    for first = 1, #filed, FILED_AT_ONCE do
      redis.call('ZADD', zset, unpack(filed, first, math.min(first + FILED_AT_ONCE - 1, #filed)))
    end
  end
  for zset, filed in pairs(later.lowest) do
    for member, score in pairs(filed) do redis.call('ZADD', zset, 'LT', score, member) end
  end
end

local function make_due(keys, endpoint, recipient, one, at)
  file(keys, keys.due, at + band(one) * BAND, recipient)
  file_lowest(keys, keys.next, at, endpoint)
end

local function due_at(keys, recipient)
  local score = redis.call('ZSCORE', keys.due, recipient)
  return score and tonumber(score) % BAND
end

local function keep_unheard(keys, endpoint, event)
  local recorded = string.match(event, '^%d+')
  file(keys, keys.unheard, recorded, event)
  file_lowest(keys, keys.any_unheard, recorded, endpoint)
end

-- When the first of a band and the next one is due, '' for never. One that is due already is answer enough.
local function earliest(due, low, now)
  local found = ''
  for i = low, low + 1 do
    local first = redis.call('ZRANGE', due, i * BAND, (i + 1) * BAND, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    if #first > 0 then
      local at = tonumber(first[2]) - i * BAND
      if found == '' or at < found then found = at end
      if at <= now then break end
    end
  end
  return found
end

-- After heads were taken from an endpoint: when is the next one due that was never tried, and when one that was?
-- '' for never.
local function refresh_next(keys, endpoint, now)
  local lowest = redis.call('ZRANGE', keys.due, 0, 0, 'WITHSCORES')
  if #lowest == 0 then
    redis.call('ZREM', keys.next, endpoint)
    return '', ''
  end
  local highest = redis.call('ZRANGE', keys.due, -1, -1, 'WITHSCORES')
  local untried = tonumber(lowest[2]) < BAND and earliest(keys.due, -1, now) or ''
  local tried = tonumber(highest[2]) >= BAND and earliest(keys.due, 1, now) or ''
  redis.call('ZADD', keys.next, math.min(untried == '' and tried or untried, tried == '' and untried or tried), endpoint)
  return untried, tried
end

-- An opt-out came behind this head. One that waits for its next attempt waits on, and goes before the others then.
-- Returns whether it is due now.
local function hurry_head(keys, recipient, now)
  local held = parse_head(redis.call('HGET', keys.heads, recipient))
  if held.mark == '1' or held.hurry == '!' then return false end
  held.hurry = '!'
  redis.call('HSET', keys.heads, recipient, head(held, held.token))
  if held.token ~= '-' then return false end
  local at = due_at(keys, recipient) or now -- none yet where it was filed in this very step
  file(keys, keys.due, at + band(held) * BAND, recipient)
  return at <= now
end

-- One more delivery for a lane: its head if the lane is empty, else behind the others. A replay tells again what was
-- told, and a list what its owner knows, so nobody is unheard because of them. lease: {token, until when}, of who wants
-- to hold it at once if it is the head.
-- Returns what became of it: 'h' held, 'd' due, or it made the head due, 'b' behind another one.
local function join_lane(keys, endpoint, recipient, event, mark, at, lease)
  local one = {event = event, attempts = 0, mark = mark, hurry = ''}
  if mark == '1' then keep_unheard(keys, endpoint, event) end
  if redis.call('HSETNX', keys.heads, recipient, head(one, lease and lease.token or '-')) == 0 then
    redis.call('RPUSH', keys.lane, event .. ' ' .. mark)
    return mark == '1' and hurry_head(keys, recipient, at) and 'd' or 'b'
  end
  if lease then
    file(keys, keys.leased, lease.expires, endpoint .. '\31' .. recipient)
    return 'h'
  end
  make_due(keys, endpoint, recipient, one, at)
  return 'd'
end

local MARKS = {'1', '0', 'R', 'r', 'l'}

-- Whether it waits behind the head of its lane.
local function is_behind(lane, event)
  for _, mark in ipairs(MARKS) do
    if redis.call('LPOS', lane, event .. ' ' .. mark) then return true end
  end
  return false
end
