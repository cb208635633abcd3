-- apply: record one change about one recipient, once, with its events: de-duplicate, judge by event time, write.
--   KEYS[1] consent hash  [2] log stream  [3] sequence  [4] origins hash  [5] parts hash  [6] partials zset
--   KEYS[7 .. 6+S] seen hashes, the first of them current     KEYS[7+S ..] opt-out zset of each campaign
--   ARGV[1] S  [2] number of identities  [3] seen for (ms)  [4] event type  [5] account  [6] recipient
--   ARGV[7] status 'i' 'o' 'p', or '' for a message  [8] condition  [9] decides at  [10] occurred at  [11] received at
--   ARGV[12] actor letter  [13] origin  [14] detail  [15] 'o' for an odd number  [16] parts group
--   ARGV[17] type if nothing was pending   then the identities, then the campaigns
--   returns {'recorded', event id ...} | {'superseded', event id ...} | {'duplicate'} | {'declined'}
-- Why here: two receivers handed the same STOP at once must record it once, and a state must never lack its event.
local function is_in_any(keys, seen, identity)
  for slot = 7, 6 + seen do
    if redis.call('HEXISTS', keys[slot], identity) == 1 then return true end
  end
  return false
end

-- Every part, not any: a late part of a text that was judged without it must still be heard.
local function is_repeat(keys, seen, identities)
  for _, identity in ipairs(identities) do
    if not is_in_any(keys, seen, identity) then return false end
  end
  return #identities > 0
end

local function settle_parts(keys, group)
  if group == '' then return end
  redis.call('DEL', keys[5])
  redis.call('ZREM', keys[6], group)
end

local function apply(keys, args)
  local seen, count = tonumber(args[1]), tonumber(args[2])
  local identities, campaigns, before = {}, {}, {}
  for i = 18, 17 + count do identities[#identities + 1] = args[i] end
  for i = 18 + count, #args do campaigns[#campaigns + 1] = args[i] end
  if is_repeat(keys, seen, identities) then
    settle_parts(keys, args[16])
    return {'duplicate'}
  end
  local pending = 0
  if args[7] ~= '' then
    for i, campaign in ipairs(campaigns) do
      before[i] = unpack_state(redis.call('HGET', keys[1], args[6] .. '\31' .. campaign))
      local status = before[i] and before[i].status
      if status == 'p' then pending = pending + 1 end
      if args[8] == 'unless_self_stopped' and status == 'o' and before[i].actor == 'r' then return {'declined'} end
    end
  end
  for _, identity in ipairs(identities) do redis.call('HSET', keys[7], identity, '') end
  if count > 0 then redis.call('PEXPIRE', keys[7], args[3]) end
  settle_parts(keys, args[16])
  local reply = {'recorded'}
  if args[7] == '' or (args[8] == 'if_pending' and pending == 0) then
    local type = args[7] == '' and args[4] or args[17]
    local campaign = #campaigns == 1 and campaigns[1] or ''
    reply[2] = log_event(keys, args, campaign, type, '', '', '')
    return reply
  end
  local late = 0
  for i, campaign in ipairs(campaigns) do
    if args[8] ~= 'if_pending' or (before[i] and before[i].status == 'p') then
      local id, was_late = decide(keys, args, campaign, keys[6 + seen + i], before[i])
      reply[#reply + 1] = id
      if was_late then late = late + 1 end
    end
  end
  if late == #reply - 1 then reply[1] = 'superseded' end
  return reply
end

register('apply', apply)
