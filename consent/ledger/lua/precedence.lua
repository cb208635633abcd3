-- precedence: which of two changes holds? The rules are told in lua/decide.lua.

local NAME = {i = 'opted_in', o = 'opted_out', p = 'pending', u = 'unknown'}

local YIELDING = {A = true, O = true, R = true, i = true}

local function is_self_stopped(state) return state.status == 'o' and state.actor == 'r' end

local function yields(before, change)
  if change.status ~= 'o' or before.status == 'o' then return false end
  return before.status == 'p' or (change.received and before.at > change.received) or
    (change.actor == 'r' and YIELDING[before.actor])
end

local function is_late(before, change)
  if not before or yields(before, change) then return false end
  if change.is_yielding and change.status ~= 'o' and is_self_stopped(before) then return true end
  return change.at < before.at or (change.at == before.at and before.status == 'o' and change.status ~= 'o')
end
