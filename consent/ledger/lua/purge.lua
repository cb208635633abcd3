-- purge: forget what a removed endpoint was owed, some recipients at a time.
--   KEYS[1] next zset  [2] leased zset  [3] due zset  [4] heads hash  [5] dead zset  [6] graves hash   then lane lists
--   ARGV[1] endpoint   then the recipients, in the order of the lane lists
--   returns how many heads are left
local function purge(keys, args)
  for i = 2, #args do
    redis.call('HDEL', keys[4], args[i])
    redis.call('ZREM', keys[3], args[i])
    redis.call('ZREM', keys[2], args[1] .. '\31' .. args[i])
    redis.call('DEL', keys[5 + i])
  end
  local left = redis.call('HLEN', keys[4])
  if left == 0 then
    redis.call('DEL', keys[3], keys[5], keys[6])
    redis.call('ZREM', keys[1], args[1])
  end
  return left
end

register('purge', purge, 'allow-oom')
