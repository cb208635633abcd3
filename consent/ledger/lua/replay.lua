-- replay: queue deliveries again, each behind all that its number's lane holds.
--   KEYS[1] next zset  [2] the partition's unheard zset
--   of the endpoint: [3] due zset  [4] heads hash  [5] unheard zset  [6] dead zset  [7] graves hash
--   then for each delivery: lane list
--   ARGV[1] endpoint  [2] 'dead' to queue those alone that were given up, else 'any'
--   then for each delivery, in the order of the log: recipient, event id, '1' if it is an opt-out, and not of a list
--   returns for each delivery 'queued' | 'waiting' (in its place already) | 'not_dead'
-- Why "in its place": a newer event that waits already goes out again behind the older ones that are replayed now, or
-- these would have the last word.
local function place_of(event)
  local ms, counter = string.match(event, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(counter)
end

-- The events of a lane behind which nothing older waits.
local function events_in_place(held, waiting)
  local found, oldest_ms, oldest_counter = {}, math.huge, math.huge
  for i = #waiting, held and 0 or 1, -1 do
    local event = i == 0 and held.event or string.match(waiting[i], '^%S+')
    local ms, counter = place_of(event)
    if ms < oldest_ms or (ms == oldest_ms and counter < oldest_counter) then
      found[event], oldest_ms, oldest_counter = true, ms, counter
    end
  end
  return found
end

local function replay_one(lane, args, recipient, event, is_urgent, now)
  if args[2] == 'dead' and not redis.call('ZSCORE', lane.dead, event) then return 'not_dead' end
  if lane.in_place[event] then return 'waiting' end
  lane.in_place = {} -- whatever waits now has something older behind it than what comes next
  join_lane(lane, args[1], recipient, event, is_urgent and 'R' or 'r', now)
  if redis.call('ZREM', lane.dead, event) == 1 then
    redis.call('HDEL', lane.graves, event)
    if is_urgent then keep_unheard(lane, args[1], event) end
  end
  return 'queued'
end

local function replay(keys, args)
  local now, later, lanes, results = now_ms(), {all = {}, lowest = {}}, {}, {}
  for i = 3, #args, 3 do
    local recipient, slot = args[i], 7 + i / 3
    if not lanes[recipient] then
      local held = parse_head(redis.call('HGET', keys[4], recipient))
      lanes[recipient] = {next = keys[1], any_unheard = keys[2], due = keys[3], heads = keys[4], unheard = keys[5],
        dead = keys[6], graves = keys[7], lane = keys[slot], later = later,
        in_place = events_in_place(held, redis.call('LRANGE', keys[slot], 0, -1))}
    end
    results[#results + 1] = replay_one(lanes[recipient], args, recipient, args[i + 1], args[i + 2] == '1', now)
  end
  file_what_is_left(later)
  return results
end

register('replay', replay)
