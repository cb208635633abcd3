-- states: the states of one recipient in many campaigns, read and written. Part of apply.
--
-- In stretches: Lua passes some thousand arguments at most, and a STOP ALL may name more campaigns than that.
local STRETCH = 1000

-- The sequence, and for each of the campaigns args[first ..] the state or nil.
local function read_states(key, recipient, args, first)
  local fields, states, sequence = {}, {}, nil
  for i = first, #args do fields[#fields + 1] = recipient .. '\31' .. args[i] end
  fields[#fields + 1] = '#'
  for start = 1, #fields, STRETCH do
    local values = redis.call('HMGET', key, unpack(fields, start, math.min(start + STRETCH - 1, #fields)))
    for i, packed in ipairs(values) do
      if start + i > #fields then sequence = packed else states[start + i - 1] = unpack_state(packed) end
    end
  end
  return tonumber(sequence or 0), states
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
