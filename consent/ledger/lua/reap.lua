-- reap: leases whose dispatcher fell silent go back to due, with no attempt counted.
--   KEYS[1] leased zset  [2] next zset    then for each lease: due zset, heads hash
--   ARGV: for each lease: endpoint, recipient
--   returns how many came back     a lease renewed since the caller looked is left alone
local function reap(keys, args)
  local now, slot, reaped = now_ms(), 3, 0
  for i = 1, #args, 2 do
    local lease = args[i] .. '\31' .. args[i + 1]
    local expiry = redis.call('ZSCORE', keys[1], lease)
    if expiry and tonumber(expiry) <= now then
      redis.call('ZREM', keys[1], lease)
      local held = parse_head(redis.call('HGET', keys[slot + 1], args[i + 1]))
      if held then
        redis.call('HSET', keys[slot + 1], args[i + 1], head(held, '-'))
        make_due({next = keys[2], due = keys[slot]}, args[i], args[i + 1], held, now)
        reaped = reaped + 1
      end
    end
    slot = slot + 2
  end
  return reaped
end

register('reap', reap, 'allow-oom')
