-- count_optouts: how many numbers are on each opt-out list of this partition. Reads only.
--   KEYS  opt-out zsets
--   returns {count, ...}
-- Why here: an account may have hundreds of campaigns, and one call for all of them is quicker than as many commands.
local function count_optouts(keys)
  local counts = {}
  for i, key in ipairs(keys) do counts[i] = redis.call('ZCARD', key) end
  return counts
end

register('count_optouts', count_optouts, 'no-writes')
