-- decide: what one change does to one campaign's state, and the event that says so. Part of apply; its KEYS and ARGV.
--
--   newer decides, by the deciding instant; in a tie the opt-out does
--   a late change is logged ('s', superseded) and leaves the state alone
--   a repeat of what already holds is logged without 'c' (changed); the dates of the first one stay
--   an opt-out once a recipient's own stays her own, whoever repeats it, or the account could undo it
local NAME = {i = 'opted_in', o = 'opted_out', p = 'pending'}

local function log_event(keys, args, campaign, type, status, previous, flags)
  local sequence = redis.call('INCR', keys[3])
  local id = redis.call('XADD', keys[2], '*', 'type', type, 'account', args[5], 'campaign', campaign, 'msisdn', args[6],
    'status', status, 'previous', previous, 'flags', flags .. args[15], 'actor', args[12], 'origin', args[13],
    'occurred', args[10], 'received', args[11], 'sequence', sequence, 'detail', args[14])
  return id, sequence
end

local function is_late(before, status, at)
  if not before then return false end
  return at < before.at or (at == before.at and before.status == 'o' and status ~= 'o')
end

local function decide(keys, args, campaign, optouts, before)
  local status, at, actor = args[7], tonumber(args[9]), args[12]
  local previous = before and NAME[before.status] or 'unknown'
  local field = args[6] .. '\31' .. campaign
  if is_late(before, status, at) then
    if before.status == 'o' and status == 'o' and actor == 'r' and before.actor ~= 'r' then
      before.actor = 'r'
      redis.call('HSET', keys[1], field, pack_state(before))
    end
    local id = log_event(keys, args, campaign, args[4], NAME[status], previous, 's')
    return id, true
  end
  local changed = previous ~= NAME[status]
  local id, sequence = log_event(keys, args, campaign, args[4], NAME[status], previous, changed and 'c' or '')
  local since = math.floor(at / 1000)
  local after = {status = status, actor = actor, at = at, sequence = sequence, in_at = before and before.in_at or 0,
    out_at = before and before.out_at or 0, origin = origin_number(keys[4], args[13])}
  if status == 'o' then
    if changed then
      after.out_at = since
    elseif before.actor == 'r' and actor ~= 'r' then
      after.actor, after.origin = before.actor, before.origin
    end
    redis.call('ZADD', optouts, 'NX', after.out_at, args[6])
  else
    if status == 'i' and changed then after.in_at, after.out_at = since, 0 end
    redis.call('ZREM', optouts, args[6])
  end
  redis.call('HSET', keys[1], field, pack_state(after))
  return id, false
end
