-- clock: the store's own time, for everything that two processes must agree on: leases and due times.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
