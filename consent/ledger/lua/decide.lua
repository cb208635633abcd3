-- decide: what one change does to one campaign's state, and the event that says so. Part of apply.
--
--   newer decides, by the deciding instant; in a tie the opt-out does
--   a late change is logged ('s', superseded) and leaves the state alone
--   a repeat of what already holds is logged without 'c' (changed); the dates of the first one stay
--   an opt-out once a recipient's own stays her own, whoever repeats it, or the account could undo it
--   a question (pending) to who is in already is none: it affirms the opt-in, and nobody is asked
--   a question takes nobody off the opt-out list, only an opt-in does
--   no opt-out is late against a question, whatever its instant: nothing was said since that would outweigh it
--   nor is her own against an opt-in that would not have come about if it had been known: by `subscribe`, by a list, or
--     by an answer to a question that it had made void
--   nor any against an opt-in of an instant that its own receiver had not come to: there a clock is ahead
--   and a `subscribe` to who is in already leaves the instant, or it would outweigh her STOP of the time between
--   an opt-in that yields is late against a STOP of her own, whatever its instant
--
-- change: type, recipient, status, at, received and is_yielding (nil in a list), actor, origin (its text), told; of a
-- question until_s and promised; keys: log, origins; and, as they come about, sequence (of the recipient's last event),
-- writes (state fields and values, for one HSET in the end), has_changed, has_asked, and promises (campaigns whose
-- confirmation is due).
local function write(change, campaign, state)
  change.writes[#change.writes + 1] = change.recipient .. '\31' .. campaign
  change.writes[#change.writes + 1] = pack_state(state)
end

local function decide_late(change, campaign, before)
  if before.status == 'o' and change.status == 'o' and change.actor == 'r' and before.actor ~= 'r' then
    before.actor = 'r'
    write(change, campaign, before)
  end
  return log_event(change, change.type, campaign, NAME[change.status], NAME[before.status], 's')
end

local function note(change, campaign, status, before, previous)
  change.has_changed = change.has_changed or status ~= previous
  change.has_asked = change.has_asked or status == 'p'
  local was_promised = previous == 'p' and before.promised and string.lower(change.actor) == 'r'
  if status == 'i' and (change.promised or was_promised) then
    change.promises = change.promises or {}
    table.insert(change.promises, campaign)
  end
end

-- The instant that decides from now on, and since when she was in. What yielded to her is as if it had never been said.
local function instants(before, change)
  if not before then return change.at, 0 end
  if before.status == 'i' and yields(before, change) then
    return change.at, before.in_at * 1000 <= change.at and before.in_at or 0
  end
  return math.max(change.at, before.at), before.in_at
end

-- Who has an out_at is on the list. Never 0 for that reason, not even in 1970.
local function date(after, changed, optouts, change)
  local since = math.max(1, math.floor(change.at / 1000))
  if after.status == 'i' then
    if changed then after.in_at = since end
    if after.out_at > 0 then redis.call('ZREM', optouts, change.recipient) end
    after.out_at = 0
  elseif after.status == 'o' and after.out_at == 0 then
    after.out_at = since
    redis.call('ZADD', optouts, since, change.recipient)
  end
end

local function decide(change, campaign, optouts, before)
  if is_late(before, change) then return decide_late(change, campaign, before), true end
  local previous, status, type = standing(before, change.at), change.status, change.type
  if status == 'p' and previous == 'i' then status, type = 'i', 'consent.opted_in' end
  local changed = previous ~= status
  local id = log_event(change, type, campaign, NAME[status], NAME[previous], changed and 'c' or '')
  note(change, campaign, status, before, previous)
  local at, in_at = instants(before, change)
  local after = {status = status, actor = change.actor, sequence = change.sequence, at = at, in_at = in_at,
    out_at = before and before.out_at or 0,
    until_s = change.until_s or 0, promised = change.promised,
    origin = origin_number(change.origins, change.origin)}
  local is_hers = status == 'o' and before and before.status == 'o' and before.actor == 'r' and change.actor ~= 'r'
  local affirms = status == 'i' and previous == 'i' and (change.actor == 'A' or change.actor == 'O')
  if is_hers or affirms then after.actor, after.origin = before.actor, before.origin end
  if affirms then after.at = before.at end
  date(after, changed, optouts, change)
  write(change, campaign, after)
  return id, false
end
