-- look: what there is to do in this partition, and when there will be more. Reads only.
--   KEYS[1] next zset  [2] leased zset  [3] unheard zset: endpoints with opt-outs that they were not told of
--   ARGV[1] how many expired leases to name
--   returns {now, {endpoint, due at, ...}, {expired lease, ...}, earliest lease expiry or '', {endpoint, ...}}
local function look(keys, args)
  local now = now_ms()
  local expired = redis.call('ZRANGE', keys[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1])
  local first = redis.call('ZRANGE', keys[2], 0, 0, 'WITHSCORES')
  local unheard = redis.call('ZRANGE', keys[3], 0, -1)
  return {now, redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES'), expired, first[2] or '', unheard}
end

register('look', look, 'no-writes')
