-- advance: the head of a lane waits on, or makes room for the one behind it (lua/head.lua).

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
