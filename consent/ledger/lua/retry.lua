-- retry: an operator wants one delivery attempted now: a waiting one is hastened, a dead one comes back.
--   KEYS[1] next zset  [2] due zset  [3] heads hash  [4] lane list  [5] unheard zset  [6] the partition's unheard zset
--   KEYS[7] dead zset  [8] graves hash
--   ARGV[1] endpoint  [2] recipient  [3] event id  [4] mark (schedule.lua)
--   returns 'hastened' | 'revived' | 'in_flight' | 'behind' (an earlier one goes first) | 'unknown'
local function retry(keys, args)
  local lane = {
    next = keys[1], due = keys[2], heads = keys[3], lane = keys[4], unheard = keys[5], any_unheard = keys[6]}
  local held, now = parse_head(redis.call('HGET', keys[3], args[2])), now_ms()
  if held and held.event == args[3] then
    if held.token ~= '-' then return 'in_flight' end
    make_due(lane, args[1], args[2], held, math.min(due_at(lane, args[2]) or now, now)) -- if it is due, in its place
    return 'hastened'
  end
  if is_behind(keys[4], args[3]) then return 'behind' end
  if redis.call('ZREM', keys[7], args[3]) == 0 then return 'unknown' end
  redis.call('HDEL', keys[8], args[3])
  join_lane(lane, args[1], args[2], args[3], args[4], now)
  return 'revived'
end

register('retry', retry)
