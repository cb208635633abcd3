-- claim: take due heads, opt-outs first, and hold each under a lease.
--   KEYS[1] next zset  [2] leased zset  [3] log stream    then for each endpoint: due zset, heads hash
--   ARGV[1] lease time (ms)  [2] lease token  [3] which go first, behind opt-outs that were never tried: those that were
--     ('urgent'), all that was ('tried'), or all that was not ('untried')
--   then for each endpoint: its id, how many at most, how many of these may have been tried before, '1' for what was
--     never tried before all else
--   returns {now, {when one never tried is due next, when one tried before is, ...for each endpoint; '' for never},
--            {{endpoint, recipient, event id, attempts made, log fields, and 1 in a replay}, ...}}
-- Why the log is read here: one round trip; a delivery keeps no copy of its event.
local ORDER = {urgent = {-1, 1, 0, 2}, tried = {-1, 1, 2, 0}, untried = {-1, 0, 1, 2}}

-- Recipients whose heads are due, band by band.
local function ready(due, now, limit, retries, order)
  local found = {}
  for _, i in ipairs(order) do
    local most = limit - #found
    if i > 0 then most = math.min(most, retries) end
    if most > 0 then
      local due_now = redis.call('ZRANGE', due, i * BAND, i * BAND + now, 'BYSCORE', 'LIMIT', 0, most)
      for _, recipient in ipairs(due_now) do found[#found + 1] = recipient end
      if i > 0 then retries = retries - #due_now end
    end
  end
  return found
end

-- All of them at once: a command costs the store more than what it does for one recipient. Who is due and has no head is
-- owed nothing: such a one is forgotten, or nobody could claim what is due beside it.
local function take(keys, due, heads, endpoint, recipients, now, args, claimed)
  if #recipients == 0 then return end
  local expires, held, leased = now + tonumber(args[1]), {}, {}
  for i, text in ipairs(redis.call('HMGET', heads, unpack(recipients))) do
    local taken, recipient = parse_head(text), recipients[i]
    if taken then
      held[#held + 1], held[#held + 2] = recipient, head(taken, args[2])
      leased[#leased + 1], leased[#leased + 2] = expires, endpoint .. '\31' .. recipient
      local entry = redis.call('XRANGE', keys[3], taken.event, taken.event)
      local fields = entry[1] and entry[1][2] or {}
      claimed[#claimed + 1] = {endpoint, recipient, taken.event, taken.attempts, fields, REPLAYED[taken.mark] and 1}
    end
  end
  redis.call('ZREM', due, unpack(recipients))
  if #held == 0 then return end
  redis.call('HSET', heads, unpack(held))
  redis.call('ZADD', keys[2], unpack(leased))
end

local function claim(keys, args)
  local now, due, claimed, slot = now_ms(), {}, {}, 4
  for i = 4, #args, 4 do
    local order = ORDER[args[i + 3] == '1' and 'untried' or args[3]]
    local found = ready(keys[slot], now, tonumber(args[i + 1]), tonumber(args[i + 2]), order)
    take(keys, keys[slot], keys[slot + 1], args[i], found, now, args, claimed)
    local untried, tried = refresh_next({next = keys[1], due = keys[slot]}, args[i], now)
    due[#due + 1], due[#due + 2] = tostring(untried), tostring(tried)
    slot = slot + 2
  end
  return {now, due, claimed}
end

register('claim', claim, 'allow-oom')
