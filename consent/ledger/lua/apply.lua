-- apply: record one change about one recipient, once, with its events: de-duplicate, judge by event time, write.
--   KEYS[1] consent hash: states, and under '#' the sequence of its recipients' last event
--   KEYS[2] log stream  [3] origins hash  [4 .. 3+S] seen hashes, the first of them current
--   then the opt-out zset of each campaign, where there is a status; at the end, for a held text: parts hash, partials zset
--   ARGV[1] S  [2] number of identities  [3] seen for (ms)  [4] event type  [5] recipient
--   ARGV[6] status 'i' 'o' 'p' 'q' (state.lua), or '' for a message  [7] condition  [8] decides at  [9] actor letter
--   ARGV[10] origin  [11] told: the rest of the event  [12] parts group, '' for none
--   ARGV[13] of a question, until when a YES counts (unix s), 0 for ever  [14] number of attached events
--   then type, told, and 'c' if it is logged for a change only, of each of these; the identities; the campaigns
--   returns {'recorded', event id ...} | {'superseded', event id ...} | {'duplicate'} | {'declined'}
-- Why here: two receivers handed the same STOP at once must record it once, and a state must never lack its event.
local function change_of(keys, args)
  local change = {type = args[4], recipient = args[5], status = args[6], at = tonumber(args[8]), actor = args[9],
    origin = args[10], told = args[11], until_s = tonumber(args[13]), log = keys[2], origins = keys[3], writes = {}}
  if change.status == 'q' then change.status, change.promised = 'p', true end
  return change
end

local function attached_of(args, count)
  local attached = {}
  for i = 15, 14 + 3 * count, 3 do
    attached[#attached + 1] = {type = args[i], told = args[i + 1], if_changed = args[i + 2] == 'c'}
  end
  return attached
end

local function is_self_stopped(state) return state.status == 'o' and state.actor == 'r' end

-- Who stopped herself is not re-subscribed by the account, and not even asked: the question would be a text to her.
local function is_declined(change, condition, before, count)
  return (condition == 'unless_self_stopped' or change.status == 'p') and any(before, count, is_self_stopped)
end

-- A YES answers a question that was asked before it and is still open.
local function concerns(change, condition, state)
  return condition ~= 'if_pending' or (state and state.at <= change.at and standing(state, change.at) == 'p')
end

-- Decides for every campaign of args[first ..] that the change concerns; nothing but {'superseded'} where it concerns
-- none. Their opt-out lists are the keys behind keys[past].
local function decide_all(change, args, first, before, keys, past)
  local reply = {'superseded'}
  for i = 1, #args - first + 1 do
    if concerns(change, args[7], before[i]) then
      local id, was_late = decide(change, args[first + i - 1], keys[past + i], before[i])
      reply[#reply + 1] = id
      if not was_late then reply[1] = 'recorded' end
    end
  end
  return reply
end

local function apply(keys, args)
  local last_seen, is_message, condition, attached = 3 + tonumber(args[1]), args[6] == '', args[7], tonumber(args[14])
  local identity = 15 + 3 * attached
  local campaign = identity + tonumber(args[2])
  local change = change_of(keys, args)
  local sequence, before = read_states(keys[1], args[5], args, is_message and #args + 1 or campaign)
  change.sequence = sequence
  if is_declined(change, condition, before, #args - campaign + 1) then return {'declined'} end
  local repeated = is_repeat(keys, 4, last_seen, args, identity, campaign - 1)
  if args[12] ~= '' then settle_parts(keys[#keys - 1], keys[#keys], args[12], args, identity, campaign - 1) end
  if repeated then
    -- Written again, so that a WAITAOF behind this answer waits for the first copy too, which came over another
    -- connection.
    redis.call('HSET', keys[4], args[identity], '')
    return {'duplicate'}
  end
  local only, reply = campaign == #args and args[campaign] or '', {'superseded'}
  if not is_message then reply = decide_all(change, args, campaign, before, keys, last_seen) end
  if is_message or (condition == 'if_pending' and #reply == 1) then
    reply = {'recorded', log_event(change, is_message and args[4] or 'message.received', only, '', '', '')}
  end
  if attached > 0 and reply[1] == 'recorded' and (change.status ~= 'p' or change.has_asked) then
    log_attached(change, attached_of(args, attached), only, reply)
  end
  keep_promises(change, reply)
  write_states(keys[1], change)
  return reply
end

register('apply', apply)
