-- simulated: before a library that is loaded into the store, the clock that it lives by: ahead by as many microseconds as
-- a key says. TIME is answered by it, and what is added to a stream is named after it.
local AHEAD = '{simulated}:ahead'

-- Not kept in a local: while a library is loaded, the server gives another table of that name.
local function ask(...) return redis.call(...) end

local function simulated_time()
  local time = ask('TIME')
  local us = time[1] * 1000000 + time[2] + (ask('GET', AHEAD) or 0)
  return {string.format('%.0f', math.floor(us / 1000000)), string.format('%.0f', us % 1000000)}
end

local function named(words)
  local time = simulated_time()
  for i, word in ipairs(words) do
    if word == '*' then
      words[i] = string.format('%.0f-*', time[1] * 1000 + math.floor(time[2] / 1000))
      return words
    end
  end
  return words
end

local redis = {call = function(command, ...)
  if command == 'TIME' then return simulated_time() end
  if command == 'XADD' then return ask(command, unpack(named({...}))) end
  return ask(command, ...)
end}
