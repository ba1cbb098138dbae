"""Which values libvirt's parser takes where domain.xsd says so as well: to be looked at in misfits alone.

See `vfslint.domain.fields` for the rest, and for how to read this.
"""

from vfslint.domain.fields import ALWAYS, NEVER, PEDANTIC, Field, listed, number, positive, switch

_ACTION = (listed("", "destroy restart preserve rename-restart coredump-destroy coredump-restart", empty=NEVER),)
_COUNT = "sockets cores threads".split()
# Microseconds (domain_conf.c: VIR_DOMAIN_CPU_QUOTA_MAX; 7.0.0 takes a thousand times as much).
LARGEST_QUOTA = 17592186044415

CLOSED: dict[str, tuple[Field, ...]] = {
    "vcpu": (listed("placement", "static auto"), number("current")),
    "memory": (switch("dumpCore", empty=PEDANTIC),),
    "maxMemory": (number("slots", empty=NEVER),),
    "iothreads": (number("", empty=NEVER),),
    "iothreadids/iothread": (positive("id", required=ALWAYS),),
    "defaultiothread": (
        number("thread_pool_min", low=-1, since=(8, 5, 0)),
        number("thread_pool_max", low=-1, since=(8, 5, 0)),
    ),
    "vcpus/vcpu": (
        number("id", required=ALWAYS),
        switch("enabled", "yes no", required=ALWAYS),
        switch("hotpluggable", "yes no"),
        positive("order"),
    ),
    "os": (listed("firmware", "bios efi", empty=NEVER),),
    "os/boot": (listed("dev", "fd hd cdrom network", required=ALWAYS),),
    "os/bootmenu": (
        switch("enable", "yes no", strict=PEDANTIC, empty=PEDANTIC),
        number("timeout", high=65535),
    ),
    "os/bios": (number("rebootTimeout", low=-1, high=65535),),
    "os/smbios": (listed("mode", "none emulate host sysinfo", empty=NEVER),),
    "os/loader": (
        switch("readonly", "yes no"),
        listed("type", "rom pflash"),
        switch("secure", "yes no"),
    ),
    "on_poweroff": _ACTION,
    "on_reboot": _ACTION,
    "on_crash": _ACTION,
    "on_lockfailure": (listed("", "poweroff restart pause ignore", empty=NEVER),),
    "pm/suspend-to-mem": (switch("enabled", "yes no", empty=PEDANTIC),),
    "pm/suspend-to-disk": (switch("enabled", "yes no", empty=PEDANTIC),),
    "cpu": (
        listed("mode", "custom host-model host-passthrough", newer={"maximum": (7, 1, 0)}),
        listed("match", "minimum exact strict"),
        listed("check", "default none partial full"),  # `default` is for the parser alone
        switch("migratable"),
    ),
    "cpu/feature": (listed("policy", "force require optional disable forbid"),),
    "cpu/cache": (
        listed("mode", "emulate passthrough disable", required=ALWAYS),
        number("level", low=-(2**31), high=2**31 - 1),
    ),
    "cpu/maxphysaddr": (
        listed("mode", "emulate passthrough", since=(8, 7, 0), required=ALWAYS),
        number("bits", low=-(2**31), high=2**31 - 1, since=(8, 7, 0)),
    ),
    "cpu/topology": (
        *(positive(name, required=ALWAYS) for name in _COUNT),
        positive("dies"),
        positive("clusters", since=(10, 1, 0)),
    ),
    "cpu/numa/cell": (
        number("id"),
        listed("memAccess", "shared private"),
        switch("discard", "yes no"),
    ),
    "cpu/numa/cell/distances/sibling": (number("id", required=ALWAYS), number("value", required=ALWAYS)),
    "cpu/numa/cell/cache": (
        positive("level", required=ALWAYS),
        listed("associativity", "none direct full", required=ALWAYS),
        listed("policy", "none writeback writethrough", required=ALWAYS),
    ),
    "cpu/numa/interconnects/latency": (
        number("initiator", required=ALWAYS),
        number("target", required=ALWAYS),
        listed("type", "access read write", required=ALWAYS),
        number("value", required=ALWAYS),
    ),
    "cpu/numa/interconnects/bandwidth": (
        number("initiator", required=ALWAYS),
        number("target", required=ALWAYS),
        listed("type", "access read write", required=ALWAYS),
    ),
    "memoryBacking/allocation": (number("threads", since=(8, 2, 0), empty=NEVER),),
    "cputune/shares": (number("", empty=NEVER, high=2**64 - 1),),
    **{
        f"cputune/{name}": (number("", empty=NEVER, low=1000, high=1_000_000, unlimited=True),)
        for name in "period global_period emulator_period iothread_period".split()
    },
    **{
        f"cputune/{name}": (number("", empty=NEVER, low=1000, high=LARGEST_QUOTA, unlimited=True, signed=True),)
        for name in "quota global_quota emulator_quota iothread_quota".split()
    },
    "cputune/vcpupin": (number("vcpu", required=ALWAYS),),
    "cputune/iothreadpin": (positive("iothread", required=ALWAYS),),
    "numatune/memory": (
        listed("mode", "strict preferred interleave", newer={"restrictive": (7, 9, 0)}),
        listed("placement", "static auto"),
    ),
    "seclabel": (listed("type", "none dynamic static"), switch("relabel", "yes no")),
    "devices/disk/driver": (positive("iothread"),),
    "devices/memory": (
        listed(
            "model",
            "dimm nvdimm",
            newer={"virtio-pmem": (7, 1, 0), "virtio-mem": (7, 9, 0), "sgx-epc": (8, 10, 0)},
            required=ALWAYS,
        ),
        listed("access", "shared private"),
        switch("discard", "yes no"),
    ),
    "devices/memory/target": (switch("dynamicMemslots", "yes no", since=(10, 1, 0)),),
    "devices/memory/target/node": (number("", empty=NEVER, signed=True, high=2**31 - 1),),
}
