-- purge: forget what a removed endpoint was owed, some recipients at a time, unless that removal is over.
--   KEYS[1] next zset  [2] leased zset  [3] the partition's unheard zset  [4] purged hash, endpoint -> the last of
--     its removals that is over
--   of the endpoint: [5] due zset  [6] heads hash  [7] unheard zset  [8] dead zset  [9] graves hash  [10] given-up hash
--   then the lane lists
--   ARGV[1] endpoint  [2] when it was removed (dismiss.lua)  [3] '1' if that is over here as soon as nothing is left
--   then the recipients, in the order of the lane lists
--   returns how many heads are left; 0 where the removal is over
-- Why the purged hash: whoever adds an endpoint again finishes its removal first, and another may be at it. What is filed
-- from then on is not his to forget. Until then more may come, from who has not heard that it was removed.
local function purge(keys, args)
  if tonumber(redis.call('HGET', keys[4], args[1]) or '0') >= tonumber(args[2]) then return 0 end
  for i = 4, #args do
    redis.call('HDEL', keys[6], args[i])
    redis.call('ZREM', keys[5], args[i])
    redis.call('ZREM', keys[2], args[1] .. '\31' .. args[i])
    redis.call('DEL', keys[7 + i])
  end
  local left = redis.call('HLEN', keys[6])
  if left == 0 then
    redis.call('DEL', keys[5], keys[7], keys[8], keys[9], keys[10])
    redis.call('ZREM', keys[1], args[1])
    redis.call('ZREM', keys[3], args[1])
    if args[3] == '1' then redis.call('HSET', keys[4], args[1], args[2]) end
  end
  return left
end

register('purge', purge, 'allow-oom')
