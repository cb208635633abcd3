-- report: what a dispatcher's last attempts say about an endpoint: the breaker, and its account's picture of it.
--   KEYS[1] health hash  [2] disabled hash  [3] registry version  [4] registry changes stream
--   ARGV[1] endpoint  [2] successes  [3] failures since the last of them  [4] reason of the last failure
--   ARGV[5] token of the probe that is over, '' for none  [6] pause that the endpoint asked for (ms)  [7] '1': it is gone
--   ARGV[8..13] rules: breaker failures, breaker wait, its longest, failing after, failing for, disable after
--   returns the record as JSON, '' where there is nothing to remember     disabled already: nothing is changed
-- Why here: however many dispatchers see the endpoint fail, it opens, is disabled and recovers once.
local function rules_of(args)
  return {
    failures = tonumber(args[8]), wait = tonumber(args[9]), longest = tonumber(args[10]),
    failing_after = tonumber(args[11]), failing_for = tonumber(args[12]), disable_after = tonumber(args[13])}
end

-- Its breaker stays open until everybody knows: who has not heard of it yet would go on trying. Who enables it starts
-- afresh (lua/forgive.lua).
local function disable_sick(keys, endpoint, health, rules, now)
  local opened = math.max(health.opened, 1)
  becomes(health, 'disabled', now)
  forget_failures(health)
  shut(health, opened, rules.wait, now)
  enroll({keys[2], keys[3], keys[4]}, {endpoint, health.reason, 'new'})
end

local function in_words(ms)
  if ms < 3600000 then return math.floor(ms / 60000) .. ' min' end
  return math.floor(ms / 3600000) .. ' h'
end

local function report(keys, args)
  local endpoint, now, rules = args[1], now_ms(), rules_of(args)
  local before = redis.call('HGET', keys[1], endpoint)
  local told = {failed = tonumber(args[3]), reason = args[4], probe = args[5], pause = tonumber(args[6])}
  if not before and told.failed == 0 and args[7] ~= '1' then return '' end
  if redis.call('HEXISTS', keys[2], endpoint) == 1 then return before or '' end
  local health = read_health(before)
  local was_open = health.shut_until
  if health.word == 'disabled' then health.word = 'failing' end -- somebody enabled it: it may show itself
  if tonumber(args[2]) > 0 then
    forget_failures(health)
    if health.word ~= 'healthy' then becomes(health, 'healthy', now) end
  end
  if told.probe ~= '' and told.probe == health.probe and told.failed == 0 then health.probe = '' end
  if args[7] == '1' then
    health.reason = told.reason
    disable_sick(keys, endpoint, health, rules, now)
  elseif told.failed > 0 and suffer(health, told, rules, now) == 'disabled' then
    health.reason = 'nothing was delivered for ' .. in_words(now - health.since) .. ': ' .. health.reason
    disable_sick(keys, endpoint, health, rules, now)
  end
  local after = write_health(health)
  if after then redis.call('HSET', keys[1], endpoint, after) else redis.call('HDEL', keys[1], endpoint) end
  if health.shut_until ~= was_open then
    redis.call('XADD', keys[4], 'MAXLEN', '~', 1000, '*', 'health', endpoint) -- the others are to know at once
  end
  return after or ''
end

register('report', report, 'allow-oom')
