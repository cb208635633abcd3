-- settle: end leases of one partition, and say what comes next.
--   KEYS[1] leased zset  [2] next zset  [3] stream of the attempts that went well  [4] of those that told of an opt-out
--     [5] of those that did not go well
--   then for each endpoint: due zset, heads hash, unheard zset, dead zset, graves hash, given-up hash, and the lane list
--     of each of its leases
--   ARGV[1] [2] [3] how many of each of the three to keep, for none shall be displaced by a flood of another
--   then for each endpoint: its id, how many leases, and for each of these: recipient, lease token, attempt record ('' for
--     none), and what comes next: 'done' | 'retry' and the wait (ms) | 'release' and the wait (ms) | 'bury', why, and what
--     to write on the grave
--   returns for each lease: '-' if it is no longer the caller's to end | '' | 'u' or 't' and when its lane is due next: with
--     what was never tried, or was
-- Why here: a dispatcher that lost its lease must not cancel its successor's retry.

-- As the head of its lane, held by nobody.
local function wait_in_lane(keys, endpoint, recipient, one, at)
  redis.call('HSET', keys.heads, recipient, head(one, '-'))
  make_due(keys, endpoint, recipient, one, at)
  return (band(one) > 0 and 't' or 'u') .. at
end

-- Where more wait for one number, a machine wrote them, and STOP and START came in turn.
local LOOKED_THROUGH = 99

local function has_opt_out(waiting)
  for _, entry in ipairs(waiting) do
    if string.sub(entry, -2) == ' 1' then return true end
  end
  return false
end

-- The head is done with: the one behind it, if there is any, takes its place, due now.
local function advance_lane(keys, endpoint, one, now)
  local waiting = redis.call('LPOP', one.lane)
  if not waiting then
    redis.call('HDEL', keys.heads, one.recipient)
    return ''
  end
  local event, mark = string.match(waiting, '^(%S+) (%S+)$')
  local next_one = {event = event, attempts = 0, mark = mark, hurry = ''}
  if mark ~= '1' and has_opt_out(redis.call('LRANGE', one.lane, 0, LOOKED_THROUGH)) then next_one.hurry = '!' end
  return wait_in_lane(keys, endpoint, one.recipient, next_one, now)
end

-- What was delivered or given up. Nearly always nothing waits behind any of it, and one question tells.
local function leave_lanes(keys, endpoint, left, now, answers)
  local recipients, lanes, heard = {}, {}, {}
  for i, one in ipairs(left) do
    recipients[i], lanes[i] = one.recipient, one.lane
    if OPT_OUT[one.mark] then heard[#heard + 1] = one.event end
  end
  if #heard > 0 then redis.call('ZREM', keys.unheard, unpack(heard)) end
  if redis.call('EXISTS', unpack(lanes)) == 0 then
    redis.call('HDEL', keys.heads, unpack(recipients))
    return
  end
  for _, one in ipairs(left) do answers[one.place] = advance_lane(keys, endpoint, one, now) end
end

local function bury(keys, one, now)
  local why, grave = string.match(one.next, '^bury (%S+) (.*)$')
  redis.call('ZADD', keys.dead, now, one.event)
  redis.call('HSET', keys.graves, one.event, grave)
  redis.call('HINCRBY', keys.given_up, why, 1)
end

local function come_again(keys, endpoint, one, now)
  local word, wait = string.match(one.next, '^(%S+) (%d+)$')
  if word == 'retry' then one.attempts = one.attempts + 1 end
  return wait_in_lane(keys, endpoint, one.recipient, one, now + tonumber(wait))
end

-- Whether it leaves its lane. A replay that was given up before it was sent again is dead no more.
local function is_over(keys, one, now)
  if one.next == 'done' then
    if REPLAYED[one.mark] and redis.call('ZREM', keys.dead, one.event) == 1 then
      redis.call('HDEL', keys.graves, one.event)
    end
    return true
  end
  if string.sub(one.next, 1, 5) ~= 'bury ' then return false end
  bury(keys, one, now)
  return true
end

-- What tells of an opt-out is the proof of it; in a replay, or of a list, it is one of many.
local function note_attempt(keys, endpoint, one)
  local trail = one.next ~= 'done' and keys.failures or one.mark == '1' and keys.told or keys.attempts
  redis.call('XADD', trail.name, 'MAXLEN', '~', trail.kept, '*', 'endpoint', endpoint, 'msisdn', one.recipient,
    'event', one.event, 'record', one.record)
end

-- A lease may be ended twice in one call: whoever stops cancels what waits to be settled, and gives the lease back.
local function settle_of(keys, endpoint, leases, answers)
  local recipients, ended, is_ended, left, now = {}, {}, {}, {}, now_ms()
  for i, one in ipairs(leases) do recipients[i] = one.recipient end
  for i, text in ipairs(redis.call('HMGET', keys.heads, unpack(recipients))) do
    local one, held = leases[i], parse_head(text)
    if not held or held.token ~= one.token or is_ended[one.recipient] then
      answers[one.place] = '-'
    else
      is_ended[one.recipient] = true
      one.event, one.attempts, one.mark, one.hurry = held.event, held.attempts, held.mark, held.hurry
      ended[#ended + 1] = endpoint .. '\31' .. one.recipient
      if one.record ~= '' then note_attempt(keys, endpoint, one) end
      if is_over(keys, one, now) then
        left[#left + 1] = one
      else
        answers[one.place] = come_again(keys, endpoint, one, now)
      end
    end
  end
  if #ended > 0 then redis.call('ZREM', keys.leased, unpack(ended)) end
  if #left > 0 then leave_lanes(keys, endpoint, left, now, answers) end
end

local function settle(keys, args)
  local attempts = {name = keys[3], kept = args[1]}
  local told = {name = keys[4], kept = args[2]}
  local failures = {name = keys[5], kept = args[3]}
  local answers, slot, i = {}, 6, 4
  while i <= #args do
    local endpoint, leases = args[i], {}
    local of = {leased = keys[1], next = keys[2], attempts = attempts, told = told, failures = failures,
      due = keys[slot], heads = keys[slot + 1], unheard = keys[slot + 2], dead = keys[slot + 3],
      graves = keys[slot + 4], given_up = keys[slot + 5]}
    slot = slot + 6
    for at = i + 2, i + 4 * args[i + 1], 4 do
      answers[#answers + 1] = ''
      leases[#leases + 1] = {place = #answers, lane = keys[slot], recipient = args[at], token = args[at + 1],
        record = args[at + 2], next = args[at + 3]}
      slot = slot + 1
    end
    settle_of(of, endpoint, leases, answers)
    i = i + 2 + 4 * args[i + 1]
  end
  return answers
end

register('settle', settle, 'allow-oom')
