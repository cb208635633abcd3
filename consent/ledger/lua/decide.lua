-- decide: what one change does to one campaign's state, and the event that says so. Part of apply.
--
--   newer decides, by the deciding instant; in a tie the opt-out does
--   a late change is logged ('s', superseded) and leaves the state alone
--   a repeat of what already holds is logged without 'c' (changed); the dates of the first one stay
--   an opt-out once a recipient's own stays her own, whoever repeats it, or the account could undo it
--
-- change: type, recipient, status, at, actor, origin (its text), told; keys: log, origins; and, as they come about,
-- sequence (of the recipient's last event) and writes (state fields and values, for one HSET in the end).
local NAME = {i = 'opted_in', o = 'opted_out', p = 'pending'}

-- One field, its parts in the order that consent/ledger/state.py reads: a field for each would cost twice the time and,
-- in the append-only file, twice the bytes. `told` is all that the caller knows and the decision does not touch.
local function log_event(change, type, campaign, status, previous, flags)
  change.sequence = change.sequence + 1
  return redis.call('XADD', change.log, '*', 'event',
    table.concat({type, campaign, status, previous, flags, change.sequence, change.told}, '\31'))
end

local function is_late(before, change)
  if not before then return false end
  return change.at < before.at or (change.at == before.at and before.status == 'o' and change.status ~= 'o')
end

local function write(change, campaign, state)
  change.writes[#change.writes + 1] = change.recipient .. '\31' .. campaign
  change.writes[#change.writes + 1] = pack_state(state)
end

local function decide(change, campaign, optouts, before)
  local status, name = change.status, NAME[change.status]
  local previous = before and NAME[before.status] or 'unknown'
  if is_late(before, change) then
    if before.status == 'o' and status == 'o' and change.actor == 'r' and before.actor ~= 'r' then
      before.actor = 'r'
      write(change, campaign, before)
    end
    return log_event(change, change.type, campaign, name, previous, 's'), true
  end
  local changed = previous ~= name
  local id = log_event(change, change.type, campaign, name, previous, changed and 'c' or '')
  local since = math.floor(change.at / 1000)
  local after = {status = status, actor = change.actor, at = change.at, sequence = change.sequence,
    in_at = before and before.in_at or 0, out_at = before and before.out_at or 0,
    origin = origin_number(change.origins, change.origin)}
  if status == 'o' and not changed and before.actor == 'r' and change.actor ~= 'r' then
    after.actor, after.origin = before.actor, before.origin
  elseif status == 'o' and changed then
    after.out_at = since
    redis.call('ZADD', optouts, since, change.recipient)
  elseif changed then
    if status == 'i' then after.in_at, after.out_at = since, 0 end
    if previous == 'opted_out' then redis.call('ZREM', optouts, change.recipient) end
  end
  write(change, campaign, after)
  return id, false
end
