-- discard: an operator will not have some dead deliveries sent any more.
--   KEYS[1] dead zset  [2] graves hash
--   ARGV    the events
--   returns how many of them were dead until now: one that comes back at this moment does
local function discard(keys, args)
  redis.call('HDEL', keys[2], unpack(args))
  return redis.call('ZREM', keys[1], unpack(args))
end

register('discard', discard, 'allow-oom')
