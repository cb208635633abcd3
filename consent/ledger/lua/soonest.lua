-- soonest: when is the next head of an endpoint due? Asked after some were taken.

-- When the first of a band and the next one is due, '' for never. One that is due already is answer enough.
local function earliest(due, low, now)
  local found = ''
  for i = low, low + 1 do
    local first = redis.call('ZRANGE', due, i * BAND, (i + 1) * BAND, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    if #first > 0 then
      local at = tonumber(first[2]) - i * BAND
      if found == '' or at < found then found = at end
      if at <= now then break end
    end
  end
  return found
end

-- After heads were taken from an endpoint: when is the next one due that was never tried, and when one that was?
-- '' for never.
local function refresh_next(keys, endpoint, now)
  local lowest = redis.call('ZRANGE', keys.due, 0, 0, 'WITHSCORES')
  if #lowest == 0 then
    redis.call('ZREM', keys.next, endpoint)
    return '', ''
  end
  local highest = redis.call('ZRANGE', keys.due, -1, -1, 'WITHSCORES')
  local untried = tonumber(lowest[2]) < BAND and earliest(keys.due, -1, now) or ''
  local tried = tonumber(highest[2]) >= BAND and earliest(keys.due, 1, now) or ''
  redis.call('ZADD', keys.next, math.min(untried == '' and tried or untried, tried == '' and untried or tried), endpoint)
  return untried, tried
end
