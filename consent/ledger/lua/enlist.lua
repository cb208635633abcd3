-- enlist: record what a list says of many recipients. Each line is judged as `apply` judges a change; a line that says
-- nothing new is left alone, so that a list may be read twice, or on from the middle.
--   KEYS[1] log stream  [2] origins hash    then the opt-out zset of each campaign, then consent hashes
--   ARGV[1] number of campaigns C  [2] origin of what the list says  [3] origin of the news that somebody is kept out
--   ARGV[4] the via of that    then the campaigns, then for each consent hash the number of its lines, and for each line:
--     recipient; kind: status 'i' 'o', actor, 'd' dated or 'n' now, place of its campaign; at, or where it is known
--     besides since when that holds or when she was in before (unix s) 'at since in'; told, the origin at its end
--   returns {changed, confirmed, unchanged, older, kept out}: how many lines came to what
-- Why one call for many: a trip, a sync and a call for each would cost more than all that is done for a line.
local CHANGED, CONFIRMED, UNCHANGED, OLDER, KEPT_OUT, LINE = 1, 2, 3, 4, 5, 4
local TYPE = {i = 'consent.opted_in', o = 'consent.opted_out'}

-- A recipient's own opt-out is claimed for her whenever it comes to light, or the account could undo it; but not one that
-- an opt-in has outlived.
local function judged(before, line)
  if not before then return CHANGED end
  if before.status == line.status then
    local is_claimed = line.status == 'o' and line.actor == 'r' and before.actor ~= 'r' and
      math.floor(line.at / 1000) > before.in_at
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

-- What `decide` does where nothing is known, at a third of the price: nearly every line of a first import comes here.
local function begin(line, field)
  local since, is_out, sequence = math.max(1, math.floor(line.at / 1000)), line.status == 'o', line.sequence + 1
  line.number = line.number or origin_number(line.origins, line.origin)
  redis.call('XADD', line.log, '*', 'event', line.first .. sequence .. '\31' .. line.told)
  local writes, listed = line.writes, line.listed
  writes[#writes + 1] = field
  writes[#writes + 1] = struct.pack(LAYOUT, line.status, line.actor, line.at, is_out and 0 or since, is_out and since or 0,
    sequence, line.number)
  line.sequence = sequence
  if is_out then listed[#listed + 1], listed[#listed + 2] = since, line.recipient end
end

-- An export knows more dates than one: since when a state holds that was confirmed later, and what was before.
local function amend(line, since, opted_in, is_changed)
  local state, field = unpack_state(table.remove(line.writes)), table.remove(line.writes)
  if opted_in ~= '' and state.in_at == 0 then state.in_at = tonumber(opted_in) end
  if since ~= '' and is_changed then
    state[line.status == 'o' and 'out_at' or 'in_at'] = tonumber(since)
    if line.status == 'o' then redis.call('ZADD', line.optouts, since, line.recipient) end
  end
  line.writes[#line.writes + 1], line.writes[#line.writes + 2] = field, pack_state(state)
end

local function enlist_line(list, line, field, before, when)
  local since, opted_in
  line.at = tonumber(when)
  if not line.at then
    local at
    at, since, opted_in = string.match(when, '^(%d+) (%d*) (%d*)$')
    line.at = tonumber(at)
  end
  local outcome = judged(before, line)
  if outcome == KEPT_OUT then
    keep_out(list, line, before)
  elseif not before and not since then
    begin(line, field)
  elseif outcome == CHANGED or outcome == CONFIRMED then
    local _, was_late = decide(line, line.campaign, line.optouts, before)
    if since and not was_late then amend(line, since, opted_in, outcome == CHANGED) end
  end
  return outcome
end

-- What a kind says, worked out once for all lines that have it.
local function kind_of(list, word)
  local place = tonumber(string.sub(word, 4))
  local kind = {status = string.sub(word, 1, 1), actor = string.sub(word, 2, 2), is_dated = string.sub(word, 3, 3) == 'd',
    campaign = list.args[4 + place], optouts = list.keys[2 + place], listed = list.listed[place],
    log = list.keys[1], origins = list.keys[2], origin = list.args[2]}
  kind.type = TYPE[kind.status]
  kind.first = table.concat({kind.type, kind.campaign, NAME[kind.status], NAME.u, 'c', ''}, '\31')
  list.kinds[word] = kind
  return kind
end

local function enlist_bucket(list, key, first)
  local args, kinds, lines, fields = list.args, list.kinds, {}, {'#'}
  local count = tonumber(args[first])
  for i = 1, count do
    local at = first + 1 + (i - 1) * LINE
    lines[i] = kinds[args[at + 1]] or kind_of(list, args[at + 1])
    fields[i + 1] = args[at] .. '\31' .. lines[i].campaign
  end
  local packed, known, writes = redis.call('HMGET', key, unpack(fields)), {}, {}
  local sequence = tonumber(packed[1] or '0')
  for i = 1, count do
    local at, line, field, written = first + 1 + (i - 1) * LINE, lines[i], fields[i + 1], #writes
    line.recipient, line.told, line.sequence, line.writes = args[at], args[at + 3], sequence, writes
    local outcome = enlist_line(list, line, field, unpack_state(known[field] or packed[i + 1]), args[at + 2])
    list.counts[outcome] = list.counts[outcome] + 1
    sequence = line.sequence
    if #writes > written then known[field] = writes[#writes] end
  end
  if writes[1] then redis.call('HSET', key, '#', sequence, unpack(writes)) end
  return first + 1 + count * LINE
end

local function enlist(keys, args)
  local campaigns = tonumber(args[1])
  local list = {keys = keys, args = args, kept_out = args[3], via = args[4], kinds = {}, listed = {}, counts = {0, 0, 0, 0, 0}}
  for place = 1, campaigns do list.listed[place] = {} end
  local first = 5 + campaigns
  for slot = 3 + campaigns, #keys do first = enlist_bucket(list, keys[slot], first) end
  for place, listed in ipairs(list.listed) do
    if listed[1] then redis.call('ZADD', keys[2 + place], unpack(listed)) end
  end
  return list.counts
end

register('enlist', enlist)
