-- admit: how many deliveries of an endpoint may be claimed now, by its rate and by its breaker.
--   KEYS[1] health hash  [2] rates hash
--   ARGV[1] token of the claim that follows  [2] how long a probe may take (ms)
--   then for each endpoint: id, wanted, rate (a second, 0 for none), permits given back
--   returns {now, {granted, when to ask again or 0, '1' if that one is a probe}, ...}
-- Why not in claim: that sees one partition, and these are of the endpoint as a whole, in another slot of a Cluster.

-- Tokens gather up to a quarter of a second's worth. Whoever must wait is told when several are there, or there would be
-- a call for each.
local function draw(rates, endpoint, wanted, rate, back, now)
  local tokens, at = string.match(redis.call('HGET', rates, endpoint) or '', '^(%S+) (%S+)$')
  local most = math.max(1, rate / 4)
  tokens = math.min(most, (tonumber(tokens) or most) + math.max(0, now - (tonumber(at) or now)) * rate / 1000 + back)
  local granted = math.min(wanted, math.floor(tokens + 1e-6))
  tokens = tokens - granted
  redis.call('HSET', rates, endpoint, string.format('%.6f %.0f', tokens, now))
  if granted == wanted then return granted, 0 end
  local several = math.min(wanted - granted, math.max(1, math.floor(rate / 20)))
  return granted, math.ceil(now + math.max(1, (several - tokens) * 1000 / rate))
end

local function admit(keys, args)
  local now, answers = now_ms(), {}
  for i = 3, #args, 4 do
    local endpoint, granted, again, is_probe = args[i], tonumber(args[i + 1]), 0, false
    local text = redis.call('HGET', keys[1], endpoint)
    local health = text and read_health(text)
    if health and health.opened > 0 then
      again = health.shut_until > now and health.shut_until or (health.probe ~= '' and health.probe_until or 0)
      is_probe = again <= now
      granted, again = is_probe and 1 or 0, is_probe and now + tonumber(args[2]) or again
    end
    if tonumber(args[i + 2]) > 0 then
      local asked, drawn, refill = granted, draw(
        keys[2], endpoint, granted, tonumber(args[i + 2]), tonumber(args[i + 3]), now)
      granted, is_probe = drawn, is_probe and drawn == 1
      if drawn < asked then again = refill end
    end
    if is_probe then
      health.probe, health.probe_until = args[1], now + tonumber(args[2])
      redis.call('HSET', keys[1], endpoint, write_health(health))
    end
    answers[#answers + 1] = {granted, again, is_probe and '1' or ''}
  end
  return {now, answers}
end

register('admit', admit, 'allow-oom')
