-- opted_in_at: since when some numbers had been opted in, before they opted out. Reads only.
--   KEYS  for each number: consent hash      ARGV  for each number: its field in there
--   returns {unix s, ...}, 0 for never
-- Why here: a page of numbers lies in as many buckets, and one call is quicker than as many commands.
local function opted_in_at(keys, args)
  local dates = {}
  for i, field in ipairs(args) do
    local state = unpack_state(redis.call('HGET', keys[i], field))
    dates[i] = state and state.in_at or 0
  end
  return dates
end

register('opted_in_at', opted_in_at, 'no-writes')
