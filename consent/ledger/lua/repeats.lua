-- repeats: was a message heard before? Part of apply, which says where the keys stand.

-- True if each of args[first .. final] was seen. Every, not any: a late part of a text judged without it must still be
-- heard.
local function is_repeat(keys, current, last, args, first, final, keep_ms)
  local known, count = 0, final - first + 1
  for i = first, final do
    local identity, before = args[i], 0
    for slot = current + 1, last do before = before + redis.call('HEXISTS', keys[slot], identity) end
    if before > 0 or redis.call('HSETNX', keys[current], identity, '') == 0 then known = known + 1 end
  end
  if known < count and redis.call('HLEN', keys[current]) <= count then redis.call('PEXPIRE', keys[current], keep_ms) end
  return count > 0 and known == count
end

-- Only the parts that were judged: one that came meanwhile was acknowledged, and waits for the next sweep.
local function settle_parts(parts, partials, group, args, first, final)
  local judged = {}
  for i = first, final do judged[args[i]] = true end
  for _, field in ipairs(redis.call('HKEYS', parts)) do
    if judged[string.sub(field, string.find(field, ' ', 1, true) + 1)] then redis.call('HDEL', parts, field) end
  end
  if redis.call('EXISTS', parts) == 0 then redis.call('ZREM', partials, group) end
end
