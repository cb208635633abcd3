-- claim: take due heads, opt-outs first, and hold each under a lease.
--   KEYS[1] next zset  [2] leased zset  [3] log stream    then for each endpoint: due zset, heads hash
--   ARGV[1] lease time (ms)  [2] lease token    then for each endpoint: its id, how many at most
--   returns {now, {when each of these endpoints is due next, or ''}, {{endpoint, recipient, event id, attempts made, log fields}, ...}}
-- Why the log is read here: one round trip; a delivery keeps no copy of its event.
local function take(keys, due, heads, endpoint, limit, now, args, claimed)
  local ready = redis.call('ZRANGE', due, '-inf', now - URGENT, 'BYSCORE', 'LIMIT', 0, limit)
  if #ready < limit then
    for _, recipient in ipairs(redis.call('ZRANGE', due, 0, now, 'BYSCORE', 'LIMIT', 0, limit - #ready)) do
      ready[#ready + 1] = recipient
    end
  end
  for _, recipient in ipairs(ready) do
    redis.call('ZREM', due, recipient)
    local taken = parse_head(redis.call('HGET', heads, recipient))
    redis.call('HSET', heads, recipient, head(taken.event, taken.attempts, taken.urgent, args[2]))
    redis.call('ZADD', keys[2], now + tonumber(args[1]), endpoint .. '\31' .. recipient)
    local entry = redis.call('XRANGE', keys[3], taken.event, taken.event)
    claimed[#claimed + 1] = {endpoint, recipient, taken.event, taken.attempts, entry[1] and entry[1][2] or {}}
  end
end

local function claim(keys, args)
  local now, due, claimed, slot = now_ms(), {}, {}, 4
  for i = 3, #args, 2 do
    take(keys, keys[slot], keys[slot + 1], args[i], tonumber(args[i + 1]), now, args, claimed)
    due[#due + 1] = tostring(refresh_next({next = keys[1], due = keys[slot]}, args[i]))
    slot = slot + 2
  end
  return {now, due, claimed}
end

register('claim', claim, 'allow-oom')
