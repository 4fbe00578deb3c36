"""What a consumer does in a Redis, each thing whole or not at all, and only while the lease is its own.

Two consumers of one group would share out the entries, and a user's would be read out of order. So one
holds a lease, and the others wait. A consumer that was away for longer than its lease finds another's
there: it reads nothing, and acknowledges nothing.
"""

# KEYS: stream, lease.  ARGV: consumer, lease in ms, group, count, claim from (empty: what nobody has had).
# Answers {0}: another's lease; {2}: just taken; {1, next claim, entries, deleted}.
READ = """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {0} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if not holder then return {2} end
if ARGV[5] ~= '' then
  local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[3], ARGV[1], 0, ARGV[5], 'COUNT', ARGV[4])
  return {1, claimed[1], claimed[2], claimed[3] or {}}
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[3], ARGV[1], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], '>')
return {1, '', read and read[1][2] or {}, {}}
"""

# KEYS: stream, lease.  ARGV: consumer, lease in ms, group, ids.  Answers 0: another's lease.
ACKNOWLEDGE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('XACK', KEYS[1], ARGV[3], unpack(ARGV, 4))
return 1
"""

# KEYS: stream, lease.  ARGV: consumer, group, id.  The group goes on after that id, whatever it has had.
# The place first: what is still to be read is then never without either of the two that would bring it.
RESUME = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if group[2] == ARGV[2] and group[8] ~= ARGV[3] then
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[2], ARGV[3])
  end
end
local pending = redis.call('XPENDING', KEYS[1], ARGV[2], '-', '+', 1000)
while #pending > 0 do
  for _, entry in ipairs(pending) do redis.call('XACK', KEYS[1], ARGV[2], entry[1]) end
  pending = redis.call('XPENDING', KEYS[1], ARGV[2], '-', '+', 1000)
end
return 1
"""

# KEYS: stream, lease.  ARGV: consumer, group.  The group's other consumers that have nothing left to claim.
TIDY = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for _, found in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[2])) do
  if found[2] ~= ARGV[1] and found[4] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[2], found[2])
  end
end
return 1
"""

# KEYS: lease.  ARGV: consumer.
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
