-- line: one line of a list is recorded. Used by enlist, whose tables it is handed.

-- A number as a text, for an event. Lua prints one in 2000 instructions, and these few come again and again.
local DIGITS = {}
for number = 1, 1024 do DIGITS[number] = number .. '' end

-- To find these by their names takes 1000 instructions a line; and they are there only once a function is called.
local call, pack, floor, sub, gmatch

-- What `decide` does where nothing is known, at a third of the price: nearly every line of a first import comes here.
-- The date stays a text where it can: the store and Lua both spend more on reading and writing a number.
local function begin(line, date)
  local at, recipient, sequence = date + line.rest, line.recipient, line.sequence + 1
  local since, is_out, listed = floor(at / 1000), line.status == 'o', line.listed
  if since < 1 then since = 1 end
  line.sequence = sequence
  line.number = line.number or origin_number(line.origins, line.origin)
  call('XADD', line.log, '*', 'event',
    line.first .. (DIGITS[sequence] or sequence) .. '\31' .. recipient .. line.middle .. date .. line.tail)
  if is_out then
    local count = #listed
    listed[count + 1] = since > 1 and sub(date, 1, -4) or 1
    listed[count + 2] = recipient
  end
  return pack(LAYOUT, line.status, line.actor, at, is_out and 0 or since, is_out and since or 0, sequence,
    line.number)
end

-- An export knows more dates than one: since when a state holds that was confirmed later, and what was before.
local function amend(line, since, opted_in, is_changed)
  local state, field = unpack_state(table.remove(line.writes)), table.remove(line.writes)
  if opted_in ~= '' and state.in_at == 0 then state.in_at = tonumber(opted_in) end
  if since ~= '' and is_changed then
    since = math.max(1, tonumber(since)) -- as in `date`
    state[line.status == 'o' and 'out_at' or 'in_at'] = since
    if line.status == 'o' then redis.call('ZADD', line.optouts, since, line.recipient) end
  end
  line.writes[#line.writes + 1], line.writes[#line.writes + 2] = field, pack_state(state)
end

-- A line about somebody of whom something is known, or of more dates than one.
local function enlist_line(list, line, packed, said)
  local date, at, since, opted_in = said, nil, nil, nil
  if line.rest < 0 then
    date, at, since, opted_in = string.match(said, '^(%d+) (%d+) (%d*) (%d*)$')
    at = tonumber(at)
  else
    at = said + line.rest
  end
  local before = unpack_state(packed)
  line.at, line.told = at, line.recipient .. line.middle .. date .. line.tail
  local outcome = judged(before, line)
  if outcome == KEPT_OUT then
    keep_out(list, line, before)
  elseif outcome == CHANGED or outcome == CONFIRMED then
    local _, was_late = decide(line, line.campaign, line.optouts, before)
    if since and not was_late then amend(line, since, opted_in, outcome == CHANGED) end
  end
  return outcome
end
