-- hasten: an endpoint works again: what waits there for its next attempt is due now.
--   KEYS[1] next zset  [2] due zset     ARGV[1] endpoint  [2] at most so many of each band
--   returns how many
-- Why the bands stay: opt-outs still go before all others, and first attempts before retries.
local function hasten(keys, args)
  local now, count = now_ms(), 0
  for i = -1, 2 do
    local at, hastened = i * BAND + now, {}
    local later = string.format('(%.0f', at)
    for _, recipient in ipairs(redis.call('ZRANGE', keys[2], later, (i + 1) * BAND, 'BYSCORE', 'LIMIT', 0, args[2])) do
      hastened[#hastened + 1], hastened[#hastened + 2] = at, recipient
    end
    if hastened[1] then redis.call('ZADD', keys[2], unpack(hastened)) end
    count = count + #hastened / 2
  end
  if count > 0 then redis.call('ZADD', keys[1], 'LT', now, args[1]) end
  return count
end

register('hasten', hasten, 'allow-oom')
