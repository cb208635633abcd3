-- apply: record one change about one recipient, once, with its events: de-duplicate, judge by event time, write.
--   KEYS[1] consent hash: states, and under '#' the sequence of its recipients' last event
--   KEYS[2] log stream  [3] origins hash  [4 .. 3+S] seen hashes, the first of them current
--   then the opt-out zset of each campaign, where there is a status; at the end, for a held text: parts hash, partials zset
--   ARGV[1] what has a fixed length, packed: S, number of identities, number of attached events; status 'i' 'o' 'p' 'q'
--     (state.lua), or '-' for a message; condition 'a' always, 'p' if pending, 'u' unless self-stopped, 'y' yielding;
--     actor letter; decides at; received at; of a question, until when a YES counts (unix s), 0 for ever; seen for (ms)
--   ARGV[2] event type  [3] recipient  [4] origin  [5] told: the rest of the event  [6] parts group, '' for none
--   then type, told, and 'c' if it is logged for a change only, of each attached event; the identities; the campaigns
--   returns {'recorded', event id ...} | {'superseded', event id ...} | {'unasked', event id ...} (a YES without a
--     question, recorded as a message) | {'duplicate'} | {'declined'}
-- Why here: two receivers handed the same STOP at once must record it once, and a state must never lack its event.
local HEAD = '>I1I2I2c1c1c1I8I8I8I8'
local ATTACHED = 7

local function attached_of(args, count)
  local attached = {}
  for i = ATTACHED, ATTACHED + 3 * count - 1, 3 do
    attached[#attached + 1] = {type = args[i], told = args[i + 1], if_changed = args[i + 2] == 'c'}
  end
  return attached
end

-- Who stopped herself is not re-subscribed by the account, and not even asked: the question would be a text to her.
local function is_declined(change, condition, before, count)
  return (condition == 'u' or change.status == 'p') and any(before, count, is_self_stopped)
end

-- A YES answers a question that was asked before it and is still open.
local function concerns(change, condition, state)
  return condition ~= 'p' or (state and state.at <= change.at and standing(state, change.at) == 'p')
end

-- Decides for every campaign of args[first ..] that the change concerns; nothing but {'superseded'} where it concerns
-- none. Their opt-out lists are the keys behind keys[past].
local function decide_all(change, condition, args, first, before, keys, past)
  local reply = {'superseded'}
  for i = 1, #args - first + 1 do
    if concerns(change, condition, before[i]) then
      local id, was_late = decide(change, args[first + i - 1], keys[past + i], before[i])
      reply[#reply + 1] = id
      if not was_late then reply[1] = 'recorded' end
    end
  end
  return reply
end

local function apply(keys, args)
  local seen, identities, attached, status, condition, actor, at, received, until_s, seen_for =
    struct.unpack(HEAD, args[1])
  local last_seen, is_message, identity = 3 + seen, status == '-', ATTACHED + 3 * attached
  local campaign = identity + identities
  local sequence, before = read_states(keys[1], args[3], args, is_message and #args + 1 or campaign)
  local change = {type = args[2], recipient = args[3], status = status == 'q' and 'p' or status, at = at,
    received = received, actor = actor, is_yielding = condition == 'y',
    origin = args[4], told = args[5], until_s = until_s, promised = status == 'q', log = keys[2], origins = keys[3],
    sequence = sequence, writes = {}}
  if is_declined(change, condition, before, #args - campaign + 1) then return {'declined'} end
  local repeated = is_repeat(keys, 4, last_seen, args, identity, campaign - 1, seen_for)
  if args[6] ~= '' then settle_parts(keys[#keys - 1], keys[#keys], args[6], args, identity, campaign - 1) end
  if repeated then
    -- Written again, so that a WAITAOF behind this answer waits for the first copy too, which came over another
    -- connection. It may be the first of its hash, which is then to expire like any other.
    redis.call('HSET', keys[4], args[identity], '')
    redis.call('PEXPIRE', keys[4], seen_for, 'NX')
    return {'duplicate'}
  end
  local only, reply = campaign == #args and args[campaign] or '', {'superseded'}
  if not is_message then reply = decide_all(change, condition, args, campaign, before, keys, last_seen) end
  if is_message then
    reply = {'recorded', log_event(change, args[2], only, '', '', '')}
  elseif condition == 'p' and #reply == 1 then
    reply = {'unasked', log_event(change, 'message.received', only, '', '', '')}
  end
  if attached > 0 and reply[1] ~= 'superseded' and (change.status ~= 'p' or change.has_asked) then
    log_attached(change, attached_of(args, attached), only, reply)
  end
  keep_promises(change, reply)
  write_states(keys[1], change)
  return reply
end

register('apply', apply)
