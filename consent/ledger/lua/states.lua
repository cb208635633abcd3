-- states: the states of one recipient in many campaigns, read and written. Part of apply.
--
-- In stretches: Lua passes some thousand arguments at most, and a STOP ALL may name more campaigns than that.
local STRETCH = 1000

-- The sequence, and for each campaign the state or nil.
local function read_states(key, recipient, campaigns)
  local fields, states, sequence = {'#'}, {}, nil
  for i, campaign in ipairs(campaigns) do fields[i + 1] = recipient .. '\31' .. campaign end
  for first = 1, #fields, STRETCH do
    local values = redis.call('HMGET', key, unpack(fields, first, math.min(first + STRETCH - 1, #fields)))
    if first == 1 then sequence = table.remove(values, 1) or '0' else first = first - 1 end
    for i, packed in ipairs(values) do states[first + i - 1] = unpack_state(packed) end
  end
  return tonumber(sequence), states
end

local function write_states(key, change)
  local writes = change.writes
  writes[#writes + 1], writes[#writes + 2] = '#', change.sequence
  for first = 1, #writes, 2 * STRETCH do
    redis.call('HSET', key, unpack(writes, first, math.min(first + 2 * STRETCH - 1, #writes)))
  end
end

local function any(states, count, holds)
  for i = 1, count do if states[i] and holds(states[i]) then return true end end
  return false
end

local function slice(list, first, last)
  local part = {}
  for i = first, last do part[#part + 1] = list[i] end
  return part
end
