-- fan_out: turn the next stretch of the log into deliveries and move the cursor, unless somebody else did.
--   KEYS[1] routed cursor  [2] next zset  [3] the partition's unheard zset  [4] leased zset
--   then for each delivery: due zset, heads hash, lane list, unheard zset
--   ARGV[1] the cursor as the caller read it  [2] the cursor after this stretch  [3] lease time (ms)  [4] lease token
--   then for each delivery: endpoint, recipient, event id, mark (schedule.lua), '1' if the caller has room for it now
--   returns {'routed', a letter for each delivery: 'h' held by the caller, 'd' due, 'b' behind another of its lane}
--         | {'moved', cursor}     moved: another dispatcher routed this stretch
-- Why here: the cursor and the deliveries it stands for must move together, or a crash repeats or skips them. And why
-- they may be held at once: whoever routes them has their events at hand and may have nothing else to do; to file each
-- as due, claim it and read its event again would be a trip more, and work for both.
local function fan_out(keys, args)
  local cursor = redis.call('GET', keys[1]) or '0-0'
  if cursor ~= args[1] then return {'moved', cursor} end
  local now, later, became = now_ms(), {all = {}, lowest = {}}, {}
  local lease = {token = args[4], expires = now + tonumber(args[3])}
  local slot = 5
  for i = 5, #args, 5 do
    local lane = {next = keys[2], due = keys[slot], heads = keys[slot + 1], lane = keys[slot + 2],
      unheard = keys[slot + 3], any_unheard = keys[3], leased = keys[4], later = later}
    became[#became + 1] = join_lane(
      lane, args[i], args[i + 1], args[i + 2], args[i + 3], now, args[i + 4] == '1' and lease)
    slot = slot + 4
  end
  file_what_is_left(later)
  redis.call('SET', keys[1], args[2])
  return {'routed', table.concat(became)}
end

register('fan_out', fan_out)
