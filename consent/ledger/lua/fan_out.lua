-- fan_out: turn the next stretch of the log into deliveries and move the cursor, unless somebody else did.
--   KEYS[1] routed cursor  [2] next zset  [3] the partition's unheard zset
--   then for each delivery: due zset, heads hash, lane list, unheard zset
--   ARGV[1] the cursor as the caller read it  [2] the cursor after this stretch
--   then for each delivery: endpoint, recipient, event id, '1' if urgent
--   returns {'routed'} | {'moved', cursor}     moved: another dispatcher routed this stretch
-- Why here: the cursor and the deliveries it stands for must move together, or a crash repeats or skips them.
local function fan_out(keys, args)
  local cursor = redis.call('GET', keys[1]) or '0-0'
  if cursor ~= args[1] then return {'moved', cursor} end
  local now, later = now_ms(), {all = {}, lowest = {}}
  local slot = 4
  for i = 3, #args, 4 do
    local lane = {next = keys[2], due = keys[slot], heads = keys[slot + 1], lane = keys[slot + 2],
      unheard = keys[slot + 3], any_unheard = keys[3], later = later}
    join_lane(lane, args[i], args[i + 1], args[i + 2], args[i + 3], now)
    slot = slot + 4
  end
  file_what_is_left(later)
  redis.call('SET', keys[1], args[2])
  return {'routed'}
end

register('fan_out', fan_out)
