-- verdict: what a line of a list comes to, beside what is known already. Used by enlist.

local CHANGED, CONFIRMED, UNCHANGED, OLDER, KEPT_OUT = 1, 2, 3, 4, 5
local TYPE = {i = 'consent.opted_in', o = 'consent.opted_out'}

-- She was out before she was asked, and the list says no more than that: it is not the answer.
local function is_known_of_before(before, line)
  return before.status == 'p' and line.status == 'o' and line.actor ~= 'r' and before.out_at > 0 and
    not (line.is_dated and math.floor(line.at / 1000) > before.out_at)
end

-- A recipient's own opt-out is claimed for her whenever it comes to light, or the account could undo it.
local function judged(before, line)
  if not before then return CHANGED end
  if is_known_of_before(before, line) then return UNCHANGED end
  if before.status == line.status then
    local is_claimed = line.status == 'o' and line.actor == 'r' and before.actor ~= 'r'
    return (is_claimed or (line.is_dated and line.at > before.at)) and CONFIRMED or UNCHANGED
  end
  if is_late(before, line) then return OLDER end
  return line.status == 'i' and before.out_at > 0 and KEPT_OUT or CHANGED
end

-- Nobody is opted in again by a list. It is told once for each opt-out: the state's origin remembers that it was.
local function keep_out(list, line, before)
  local text = redis.call('HGET', line.origins, '#' .. before.origin)
  local marked = string.gsub(text, '^([^\31]*\31[^\31]*\31)[^\31]*', function(front) return front .. list.via end)
  if marked == text then return end
  line.told = string.sub(line.told, 1, -2 - #line.origin) .. list.kept_out .. '\31'
  log_event(line, TYPE.o, line.campaign, NAME.o, NAME.o, '')
  before.origin, before.sequence = origin_number(line.origins, marked), line.sequence
  write(line, line.campaign, before)
end
