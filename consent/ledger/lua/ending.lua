-- ending: what becomes of one delivery whose lease ends, as lua/settle.lua says it, and the note of its attempt.

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
