-- unheard: since when has the oldest opt-out been waiting that an endpoint was not told of?
--   KEYS[1] unheard zset of the partition    then for each endpoint: its own unheard zset
--   ARGV: for each endpoint: its id
--   returns for each endpoint when its oldest one was recorded, or ''
-- Why the partition's zset is put right here: settling would have to do it for every opt-out, and nobody would look.
local function unheard(keys, args)
  local oldest = {}
  for i, endpoint in ipairs(args) do
    local first = redis.call('ZRANGE', keys[i + 1], 0, 0, 'WITHSCORES')
    if #first == 0 then
      redis.call('ZREM', keys[1], endpoint)
    else
      redis.call('ZADD', keys[1], first[2], endpoint)
    end
    oldest[i] = first[2] or ''
  end
  return oldest
end

register('unheard', unheard, 'allow-oom')
