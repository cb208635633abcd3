-- enlist: record what a list says of many recipients. Each line is judged as `apply` judges a change; a line that says
-- nothing new is left alone, so that a list may be read twice, or on from the middle.
--   KEYS[1] log stream  [2] origins hash    then the opt-out zset of each campaign, then consent hashes
--   ARGV[1] number of campaigns  [2] number of kinds  [3] origin of what the list says
--   ARGV[4] origin of the news that somebody is kept out  [5] the via of that
--   then the campaigns; then of each kind: status 'i' 'o'; actor; 'd' dated or 'n' now; place of its campaign; how many ms
--     after its date a line decides, or -1; told, in two parts: what is between the recipient and the date, and what is
--     behind
--   then for each consent hash how many runs of one kind its lines are, and of each the kind and a text: of each line
--     recipient and date (unix ms), each with \31 behind it; for a kind with -1 'date decides since in': since when it
--     holds, when she was in before (unix s)
--   returns {changed, confirmed, unchanged, older, kept out}: how many lines came to what
-- Why one call for many: a trip, a sync and a call for each would cost more than all that is done for a line.
local KIND = 7

-- What many lines have in common, worked out once; each line in turn is written into it.
local function kinds_of(keys, args, campaigns, count, writes)
  local kinds, listed = {}, {}
  for place = 1, campaigns do listed[place] = {} end
  for i = 1, count do
    local at = 6 + campaigns + (i - 1) * KIND
    local place = tonumber(args[at + 3])
    local kind = {status = args[at], actor = args[at + 1], is_dated = args[at + 2] == 'd', rest = tonumber(args[at + 4]),
      middle = args[at + 5], tail = args[at + 6], campaign = args[5 + place], optouts = keys[2 + place],
      listed = listed[place], log = keys[1], origins = keys[2], origin = args[3], type = TYPE[args[at]],
      writes = writes}
    kind.first = table.concat({kind.type, kind.campaign, NAME[kind.status], NAME.u, 'c', ''}, '\31')
    kind.separated = '\31' .. kind.campaign
    kinds[tostring(i)] = kind
  end
  return kinds, listed
end

-- The lines of a consent hash: of each its kind, recipient, date, and the field that is hers. An argument for each word
-- would cost more than to look for its end.
local function read_lines(list, first)
  local lines, recipients, dates, fields, count = list.lines, list.recipients, list.dates, list.fields, 0
  local past = first + 1 + 2 * list.args[first]
  for at = first + 1, past - 1, 2 do
    local line = list.kinds[list.args[at]]
    local separated = line.separated
    for recipient, date in gmatch(list.args[at + 1], '([^\31]*)\31([^\31]*)\31') do
      count = count + 1
      lines[count], recipients[count], dates[count], fields[count] = line, recipient, date, recipient .. separated
    end
  end
  return count, past
end

-- The tables are the same for all buckets of a call: to let them grow again and again would cost more than to clear them.
local function enlist_bucket(list, key, first)
  local counts, writes, known, fields = list.counts, list.writes, list.known, list.fields
  local count, past = read_lines(list, first)
  local packed = redis.call('HMGET', key, '#', unpack(fields, 1, count))
  local sequence, written = tonumber(packed[1] or '0'), 0
  for i = 1, count do
    local line, date, field = list.lines[i], list.dates[i], fields[i]
    local before = known[field] or packed[i + 1]
    line.recipient, line.sequence = list.recipients[i], sequence
    if before or line.rest < 0 then
      local outcome = enlist_line(list, line, before, date)
      counts[outcome] = counts[outcome] + 1
      if #writes > written then
        written = #writes
        known[field] = writes[written]
      end
    else
      local state = begin(line, date)
      writes[written + 1], writes[written + 2], known[field] = field, state, state
      counts[CHANGED], written = counts[CHANGED] + 1, written + 2
    end
    sequence = line.sequence
  end
  if written > 0 then redis.call('HSET', key, '#', DIGITS[sequence] or sequence, unpack(writes, 1, written)) end
  for i = written, 1, -1 do writes[i] = nil end
  for i = 1, count do known[fields[i]] = nil end
  return past
end

local function enlist(keys, args)
  call, pack, floor, sub, gmatch = redis.call, struct.pack, math.floor, string.sub, string.gmatch
  local campaigns, count = tonumber(args[1]), tonumber(args[2])
  local writes = {}
  local kinds, all_listed = kinds_of(keys, args, campaigns, count, writes)
  local list = {args = args, kinds = kinds, kept_out = args[4], via = args[5], counts = {0, 0, 0, 0, 0},
    fields = {}, lines = {}, recipients = {}, dates = {}, writes = writes, known = {}}
  local first = 6 + campaigns + count * KIND
  for slot = 3 + campaigns, #keys do first = enlist_bucket(list, keys[slot], first) end
  for place, listed in ipairs(all_listed) do
    if listed[1] then redis.call('ZADD', keys[2 + place], unpack(listed)) end
  end
  return list.counts
end

register('enlist', enlist)
