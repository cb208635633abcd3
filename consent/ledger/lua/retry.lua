-- retry: an operator wants one delivery attempted now: a waiting one is hastened, a dead one comes back.
--   KEYS[1] next zset  [2] due zset  [3] heads hash  [4] lane list  [5] unheard zset  [6] the partition's unheard zset
--   KEYS[7] dead zset  [8] graves hash
--   ARGV[1] endpoint  [2] recipient  [3] event id  [4] '1' if urgent
--   returns 'hastened' | 'revived' | 'in_flight' | 'behind' (an earlier one goes first) | 'unknown'
local function retry(keys, args)
  local lane = {
    next = keys[1], due = keys[2], heads = keys[3], lane = keys[4], unheard = keys[5], any_unheard = keys[6]}
  local now = now_ms()
  if redis.call('ZREM', keys[7], args[3]) == 1 then
    redis.call('HDEL', keys[8], args[3])
    join_lane(lane, args[1], args[2], args[3], args[4], now)
    return 'revived'
  end
  local held = parse_head(redis.call('HGET', keys[3], args[2]))
  if not held then return 'unknown' end
  if held.event ~= args[3] then
    for _, mark in ipairs({'1', '0', 'R', 'r'}) do
      if redis.call('LPOS', keys[4], args[3] .. ' ' .. mark) then return 'behind' end
    end
    return 'unknown'
  end
  if held.token ~= '-' then return 'in_flight' end
  make_due(lane, args[1], args[2], held, now)
  return 'hastened'
end

register('retry', retry)
