-- health: how an endpoint has been doing. Used by report, admit and forgive; no redis.call, so that it can be read alone.
--
-- A record, as JSON, only while there is something to remember: an endpoint without one is healthy, its breaker closed.
--   run     failures since the last success     since, last  the first and the last of these
--   reason  of the last failure
--   word    'healthy' | 'failing' | 'disabled'  as its account was told
--   opened  0: the breaker is closed. Else how often it opened in a row; up to shut_until nothing is sent
--   probe   who may try once after that, the token of his lease, and until when: probe_until
--   untold  transitions that are not in the event log yet: type, at, reason
local CLEAN = '{"run":0,"since":0,"last":0,"reason":"","word":"healthy","opened":0,"shut_until":0,"probe":"","probe_until":0}'

local function read_health(text)
  local health = cjson.decode(text or CLEAN)
  health.untold = health.untold or {}
  return health
end

-- False where there is nothing to remember.
local function write_health(health)
  if #health.untold == 0 then
    health.untold = nil -- an empty table would become {}, and the reader expects a list
    if health.run == 0 and health.word == 'healthy' and health.opened == 0 then return false end
  end
  return cjson.encode(health)
end

local function becomes(health, word, now)
  local types = {healthy = 'endpoint.recovered', failing = 'endpoint.failing', disabled = 'endpoint.disabled'}
  health.word = word
  health.untold[#health.untold + 1] = {type = types[word], at = now, reason = health.reason, since = health.since}
end

local function forget_failures(health)
  health.run, health.since, health.last, health.opened = 0, 0, 0, 0
  health.shut_until, health.probe, health.probe_until = 0, '', 0
end

local function shut(health, times, wait, now)
  health.opened, health.probe, health.probe_until = times, '', 0
  health.shut_until = math.max(health.shut_until, now + wait)
end

-- What failures do. rules: breaker failures, breaker wait, its longest, failing after (failures), failing for, disable
-- after. told.pause: the endpoint itself asked to be left alone for so long.
local function suffer(health, told, rules, now)
  -- Failures that lie far apart do not belong together: in between nothing was owed, or the endpoint was not served.
  if health.run == 0 or now - health.last > rules.disable_after / 2 then health.run, health.since = 0, now end
  health.run, health.last, health.reason = health.run + told.failed, now, told.reason
  if told.probe ~= '' and told.probe == health.probe then
    local wait = math.min(rules.wait * 2 ^ math.min(health.opened, 20), rules.longest)
    shut(health, health.opened + 1, wait, now)
  elseif health.opened == 0 and health.run >= rules.failures then
    shut(health, 1, rules.wait, now)
  end
  if told.pause > 0 then shut(health, math.max(health.opened, 1), math.min(told.pause, rules.longest), now) end
  local lasted, is_failing = now - health.since, health.run >= rules.failing_after
  if is_failing and lasted >= rules.disable_after then return 'disabled' end
  if is_failing and lasted >= rules.failing_for and health.word == 'healthy' then becomes(health, 'failing', now) end
  return health.word
end
