-- renew: the heartbeat of leases in flight.
--   KEYS[1] leased zset     ARGV[1] lease time (ms)   then the leases, 'endpoint\31recipient'
--   returns how many were still held
-- Why no token: renewing a lease that changed hands only grants its new holder time; settling is what is guarded.
local function renew(keys, args)
  local expiry, held = now_ms() + tonumber(args[1]), 0
  for i = 2, #args do
    held = held + redis.call('ZADD', keys[1], 'XX', 'CH', expiry, args[i])
  end
  return held
end

register('renew', renew, 'allow-oom')
