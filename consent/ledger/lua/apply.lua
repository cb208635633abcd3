-- apply: record one change about one recipient, once, with its events: de-duplicate, judge by event time, write.
--   KEYS[1] consent hash: states, and under '#' the sequence of its recipients' last event
--   KEYS[2] log stream  [3] origins hash  [4 .. 3+S] seen hashes, the first of them current
--   then the opt-out zset of each campaign, where there is a status; at the end, for a held text: parts hash, partials zset
--   ARGV[1] S  [2] number of identities  [3] seen for (ms)  [4] event type  [5] recipient
--   ARGV[6] status 'i' 'o' 'p', or '' for a message  [7] condition  [8] decides at  [9] actor letter  [10] origin
--   ARGV[11] told: the rest of the event  [12] parts group, '' for none  [13] number of attached events
--   then type and told of each of these, then the identities, then the campaigns
--   returns {'recorded', event id ...} | {'superseded', event id ...} | {'duplicate'} | {'declined'}
-- Why here: two receivers handed the same STOP at once must record it once, and a state must never lack its event.

-- True if every identity was seen. Every, not any: a late part of a text judged without it must still be heard.
local function is_repeat(keys, args, seen, identities)
  local known, count = 0, #identities
  for _, identity in ipairs(identities) do
    local before = 0
    for slot = 5, 3 + seen do before = before + redis.call('HEXISTS', keys[slot], identity) end
    if before > 0 or redis.call('HSETNX', keys[4], identity, '') == 0 then known = known + 1 end
  end
  if known < count and redis.call('HLEN', keys[4]) <= count then redis.call('PEXPIRE', keys[4], args[3]) end
  return count > 0 and known == count
end

local function change_of(keys, args)
  return {type = args[4], recipient = args[5], status = args[6], at = tonumber(args[8]), actor = args[9],
    origin = args[10], told = args[11], log = keys[2], origins = keys[3], writes = {}}
end

-- The sequence, and for each campaign the state or nil. In stretches: Lua passes some thousand arguments at most, and a
-- STOP ALL may name more campaigns than that.
local STRETCH = 1000

local function read(key, recipient, campaigns)
  local fields, states, sequence = {'#'}, {}, nil
  for i, campaign in ipairs(campaigns) do fields[i + 1] = recipient .. '\31' .. campaign end
  for first = 1, #fields, STRETCH do
    local values = redis.call('HMGET', key, unpack(fields, first, math.min(first + STRETCH - 1, #fields)))
    if first == 1 then sequence = table.remove(values, 1) or '0' else first = first - 1 end
    for i, packed in ipairs(values) do states[first + i - 1] = unpack_state(packed) end
  end
  return tonumber(sequence), states
end

local function store(key, change)
  local writes = change.writes
  writes[#writes + 1], writes[#writes + 2] = '#', change.sequence
  for first = 1, #writes, 2 * STRETCH do
    redis.call('HSET', key, unpack(writes, first, math.min(first + 2 * STRETCH - 1, #writes)))
  end
end

local function any(states, count, holds)
  for i = 1, count do if states[i] and holds(states[i]) then return true end end
  return false
end

local function is_pending(state) return state.status == 'p' end
local function is_self_stopped(state) return state.status == 'o' and state.actor == 'r' end

-- Only the parts that were judged: one that came meanwhile was acknowledged, and waits for the next sweep.
local function settle_parts(parts, partials, group, identities)
  local judged = {}
  for _, identity in ipairs(identities) do judged[identity] = true end
  for _, field in ipairs(redis.call('HKEYS', parts)) do
    if judged[string.sub(field, string.find(field, ' ', 1, true) + 1)] then redis.call('HDEL', parts, field) end
  end
  if redis.call('EXISTS', parts) == 0 then redis.call('ZREM', partials, group) end
end

-- The events that come about with the change, behind its own.
local function attach(change, args, campaign, reply)
  for i = 14, 13 + 2 * tonumber(args[13]), 2 do
    change.told = args[i + 1]
    reply[#reply + 1] = log_event(change, args[i], campaign, '', '', '')
  end
end

local function slice(list, first, last)
  local part = {}
  for i = first, last do part[#part + 1] = list[i] end
  return part
end

local function apply(keys, args)
  local seen, is_message, condition = tonumber(args[1]), args[6] == '', args[7]
  local past_attached = 13 + 2 * tonumber(args[13])
  local past_identities = past_attached + tonumber(args[2])
  local identities = slice(args, past_attached + 1, past_identities)
  local campaigns, change = slice(args, past_identities + 1, #args), change_of(keys, args)
  local sequence, before = read(keys[1], args[5], is_message and {} or campaigns)
  change.sequence = sequence
  if condition == 'unless_self_stopped' and any(before, #campaigns, is_self_stopped) then return {'declined'} end
  local repeated = is_repeat(keys, args, seen, identities)
  if args[12] ~= '' then settle_parts(keys[#keys - 1], keys[#keys], args[12], identities) end
  if repeated then
    -- Written again, so that a WAITAOF behind this answer waits for the first copy too, which came over another connection.
    redis.call('HSET', keys[4], identities[1], '')
    return {'duplicate'}
  end
  local reply = {'superseded'}
  if is_message or (condition == 'if_pending' and not any(before, #campaigns, is_pending)) then
    local type, campaign = is_message and args[4] or 'message.received', #campaigns == 1 and campaigns[1] or ''
    reply = {'recorded', log_event(change, type, campaign, '', '', '')}
  else
    for i, campaign in ipairs(campaigns) do
      if condition ~= 'if_pending' or (before[i] and is_pending(before[i])) then
        local id, was_late = decide(change, campaign, keys[3 + seen + i], before[i])
        reply[#reply + 1] = id
        if not was_late then reply[1] = 'recorded' end
      end
    end
  end
  if reply[1] == 'recorded' then attach(change, args, #campaigns == 1 and campaigns[1] or '', reply) end
  store(keys[1], change)
  return reply
end

register('apply', apply)
