-- filing: what is due when, and what nobody was told of, is written where it is looked for (lua/head.lua).

-- keys.later: what is filed where, to be done with few commands in the end, where there is much of it. Of the sets that
-- keep the lowest score, the first one is that: all become due at the same instant, and events come in their order.
local function file(keys, zset, score, member)
  if not keys.later then return redis.call('ZADD', zset, score, member) end
  local filed = keys.later.all[zset] or {}
  filed[#filed + 1], filed[#filed + 2] = score, member
  keys.later.all[zset] = filed
end

local function file_lowest(keys, zset, score, member)
  if not keys.later then return redis.call('ZADD', zset, 'LT', score, member) end
  local filed = keys.later.lowest[zset] or {}
  filed[member] = filed[member] or score
  keys.later.lowest[zset] = filed
end

-- In stretches: Lua passes some thousand arguments at most, and one event may concern more endpoints than that.
local FILED_AT_ONCE = 1000

local function file_what_is_left(later)
  for zset, filed in pairs(later.all) do
    for first = 1, #filed, FILED_AT_ONCE do
      redis.call('ZADD', zset, unpack(filed, first, math.min(first + FILED_AT_ONCE - 1, #filed)))
    end
  end
  for zset, filed in pairs(later.lowest) do
    for member, score in pairs(filed) do redis.call('ZADD', zset, 'LT', score, member) end
  end
end

local function make_due(keys, endpoint, recipient, one, at)
  file(keys, keys.due, at + band(one) * BAND, recipient)
  file_lowest(keys, keys.next, at, endpoint)
end

local function due_at(keys, recipient)
  local score = redis.call('ZSCORE', keys.due, recipient)
  return score and tonumber(score) % BAND
end

local function keep_unheard(keys, endpoint, event)
  local recorded = string.match(event, '^%d+')
  file(keys, keys.unheard, recorded, event)
  file_lowest(keys, keys.any_unheard, recorded, endpoint)
end
