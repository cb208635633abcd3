-- purge: forget what a removed endpoint was owed, some recipients at a time.
--   KEYS[1] next zset  [2] leased zset  [3] the partition's unheard zset
--   of the endpoint: [4] due zset  [5] heads hash  [6] unheard zset  [7] dead zset  [8] graves hash  [9] given-up hash
--   then the lane lists
--   ARGV[1] endpoint   then the recipients, in the order of the lane lists
--   returns how many heads are left
local function purge(keys, args)
  for i = 2, #args do
    redis.call('HDEL', keys[5], args[i])
    redis.call('ZREM', keys[4], args[i])
    redis.call('ZREM', keys[2], args[1] .. '\31' .. args[i])
    redis.call('DEL', keys[8 + i])
  end
  local left = redis.call('HLEN', keys[5])
  if left == 0 then
    redis.call('DEL', keys[4], keys[6], keys[7], keys[8], keys[9])
    redis.call('ZREM', keys[1], args[1])
    redis.call('ZREM', keys[3], args[1])
  end
  return left
end

register('purge', purge, 'allow-oom')
