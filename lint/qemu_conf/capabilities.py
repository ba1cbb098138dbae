"""The capabilities of QEMU that capability_filters can name (qemu_capabilities.c: VIR_ENUM_IMPL(virQEMUCaps))."""

from __future__ import annotations

from vfslint.targets import Version

# The last release whose capabilities are all listed here; later ones have more.
LISTED_UNTIL: Version = (11, 3, 0)
# libvirt keeps the name of a capability that it no longer uses, with this in front.
_RETIRED = "X_"

_NAMES = frozenset(
    """
    0.10 VGA VGA.vgamem_mb aarch64-off acpi-erst acpi-index active-commit add-fd aes-key-wrap aio.io_uring am53c974
    arm-max-cpu audiodev balloon balloon-event bitmap-merge blk-sg-io block-commit block-export-add block-job-async
    block-job-sync block-write-threshold blockdev blockdev-backup blockdev-del blockdev-file-dynamic-auto-read-only
    blockdev-hostdev-scsi blockdev-reopen blockdev-set-active blockdev-snapshot-sync
    blockdev-snapshot.allow-write-only-overlay blockdev.nbd.tls-hostname blockio blockjob.backing-mask-protocol
    bochs-display boot-index boot-menu boot-strict bridge cache-directsync cache-unsafe calc-dirty-rate
    canonical-cpu-features ccid-emulated ccid-passthru change-backing-file chardev chardev-fd-pass
    chardev-file-append chardev-logfile chardev-reconnect chardev-reconnect-miliseconds chardev-spicevmc
    chardev.json chardev.qemu-vdagent cirrus-vga compat-deprecated confidential-guest-support cpu-cache cpu-host
    cpu-max cpu-unavailable-features cpu.kvm-no-adjvtime cpu.migratable cryptodev-backend-lkcf dbus-vmstate dc390
    dea-key-wrap debug-threads device device-del-event device-qxl-vga device-spicevmc device-tray-moved-event
    device-video-primary device.json device.json+hotplug dirtyrate-param.mode disable-s3 disable-s4 disk-share-rw
    disk-write-cache display display-dbus display-reload dmi-to-pci-bridge domid drive drive-aio drive-boot
    drive-cache-v2 drive-copy-on-read drive-detect-zeroes drive-discard drive-format drive-iotune drive-iotune-group
    drive-iotune-max drive-iotune-max-length drive-mirror drive-nvme drive-readonly drive-serial dtb dump-completed
    dump-guest-core dump-guest-memory e1000 egl-headless egl-headless.rendernode enable-fips enable-kvm fsdev
    fsdev-readonly fsdev-writeout fsdev.createmode fsdev.multidevs fw_cfg gic-version gluster.debug_level
    gpex-pcihost hda-duplex hda-micro hda-output host-pci-multidomain hvf i440fx-pci-hole64-size i8042 ich9-ahci
    ich9-disable-s3 ich9-disable-s4 ich9-intel-hda ich9-usb-ehci1 ide-cd ide-drive.wwn incoming-defer
    incremental-backup input-linux intel-iommu intel-iommu.aw-bits intel-iommu.caching-mode intel-iommu.device-iotlb
    intel-iommu.dma-translation intel-iommu.eim intel-iommu.intremap ioh3420 iothread iothread.poll-max-ns
    iothread.thread-pool-max ipv6-migration isa-serial iscsi.password-secret ivshmem ivshmem-doorbell ivshmem-plain
    kernel-irqchip kernel-irqchip.split kvm kvm-pit-lost-tick-policy loadparm lsi machine-hpet machine-i8042-opt
    machine-iommu machine-opt machine-usb-opt machine-vmport-opt machine.pseries.cap-ccf-assist
    machine.pseries.cap-cfpc machine.pseries.cap-hpt-max-page-size machine.pseries.cap-htm machine.pseries.cap-ibs
    machine.pseries.cap-nested-hv machine.pseries.cap-sbbc machine.pseries.max-cpu-compat machine.pseries.resize-hpt
    machine.virt.aia machine.virt.iommu machine.virt.ras mch mch.extended-tseg-mbytes megasas mem-merge mem-path
    memory-backend-file memory-backend-file.align memory-backend-file.discard-data memory-backend-file.pmem
    memory-backend-file.prealloc-threads memory-backend-file.reserve
    memory-backend-file.x-use-canonical-path-for-ramblock-id memory-backend-memfd memory-backend-memfd.hugetlb
    memory-backend-ram migrate-incoming.exit-on-error migrate-kvm-stdio migrate-qemu-exec migrate-qemu-fd
    migrate-qemu-tcp migrate-qemu-unix migrate-rdma migration-event migration-file-drop-cache
    migration-param.bandwidth migration-param.block-bitmap-mapping migration-param.downtime
    migration-param.xbzrle-cache-size migration.blocked-reasons mlock monitor-json mptsas1068 msg-timestamp name
    name-guest name-process nbd-bitmap nbd-server nbd-tls ncr53c90 nec-usb-xhci nec-usb-xhci-ports nesting netdev
    netdev-stream-reconnect-miliseconds netdev.json netdev.stream netdev.stream.reconnect netdev.user
    netdev.vhost-vdpa no-acpi no-hpet no-kvm-pit no-reboot no-shutdown no-user-config nodefconfig numa numa.dist
    numa.hmat nvdimm nvdimm.unarmed nvram object.qapified overcommit pc-dimm pci-bootindex pci-bridge pci-configfd
    pci-device pci-multibus pci-multifunction pci-ohci pci-serial pcie-pci-bridge pcie-root-port
    pcie-root-port.hotplug piix3-usb-uhci piix4-usb-uhci piix4.acpi-root-pci-hotplug pl011 pr-manager-helper pvpanic
    pvpanic-pci pvscsi pxb pxb-pcie q35-pci-hole64-size qcow2-discard-no-unref qcow2-luks qemu-xhci
    qom-list-properties query-cpu-definitions query-cpu-model-baseline query-cpu-model-comparison
    query-cpu-model-expansion query-cpu-model-expansion.deprecated-props query-cpu-model-expansion.migratable
    query-cpus-fast query-current-machine query-dirty-rate query-display-options query-hotpluggable-cpus
    query-named-block-nodes query-named-block-nodes.flat query-qmp-schema query-stats query-stats-schemas qxl
    qxl-vga.max_outputs qxl-vga.vgamem_mb qxl-vga.vram64_size_mb qxl.max_outputs qxl.vgamem_mb qxl.vram64_size_mb
    ramfb rbd-encryption rbd-encryption-layering rbd-encryption-luks-any reboot-timeout rng-builtin rng-egd
    rng-random rombar rotation-rate rtc rtc-reset-reinjection rtc-td-hack rtl8139 run-with.async-teardown
    s390-pv-guest s390-sclp savevm-monitor-nodes sclplmconsole screendump_device screenshot-format-png scsi-block
    scsi-cd scsi-disk.channel scsi-disk.device_id scsi-disk.wwn scsi-generic scsi-generic.bootindex sdl sdl-gl
    seamless-migration seccomp-blacklist seccomp-sandbox secret set-action sev-guest sev-guest-kernel-hashes
    sev-inject-launch-secret sev-snp-guest sga sgx-epc shim smbios-type smm smp-clusters smp-dies smp-topology
    snapshot-internal-qmp spapr-pci-host-bridge spapr-pci-host-bridge.numa_node spapr-tpm-proxy spapr-vty spice
    spice-file-xfer-disable spice-gl spice-rendernode spice-unix spiceport splash-timeout storage.werror
    system_wakeup tcg tdf thread-context tls-creds-x509 tpm-crb tpm-emulator tpm-passthrough tpm-spapr tpm-tis
    transaction usb-audio usb-ehci usb-host.bootindex usb-host.guest-resets-all usb-host.hostdevice usb-hub usb-kbd
    usb-mtp usb-net usb-redir usb-redir.bootindex usb-redir.filter usb-serial usb-storage usb-storage.removable
    usb-storage.werror uuid vfio-ap vfio-ccw vfio-pci vfio-pci.bootindex vfio-pci.display vga vga-none vga-qxl
    vhost-net vhost-scsi vhost-user-blk vhost-user-fs vhost-user-fs.bootindex vhost-user-gpu vhost-user-multiqueue
    vhost-user-vga vhost-vsock virtio-balloon-pci.deflate-on-oom virtio-balloon.free-page-reporting
    virtio-blk-pci.event_idx virtio-blk-pci.ioeventfd virtio-blk-pci.scsi virtio-blk-pci.scsi.default.disabled
    virtio-blk-vhost-vdpa virtio-blk.iothread-mapping virtio-blk.num-queues virtio-blk.queue-size virtio-ccw
    virtio-ccw.loadparm virtio-crypto virtio-gpu virtio-gpu-ccw virtio-gpu-gl-pci virtio-gpu.blob
    virtio-gpu.max_outputs virtio-gpu.virgl virtio-input-host virtio-iommu-pci virtio-iommu.boot-bypass
    virtio-keyboard virtio-keyboard-ccw virtio-mem-ccw virtio-mem-pci virtio-mem-pci.dynamic-memslots
    virtio-mem-pci.prealloc virtio-mmio virtio-mouse virtio-mouse-ccw virtio-net virtio-net-pci.event_idx
    virtio-net.failover virtio-net.host_mtu virtio-net.rss virtio-net.rx_queue_size virtio-net.tx_queue_size
    virtio-pci-disable-legacy virtio-pci-non-transitional virtio-pmem-pci virtio-rng virtio-s390 virtio-scsi-pci
    virtio-scsi-pci.iothread virtio-scsi.iothread-mapping virtio-sound virtio-tablet virtio-tablet-ccw virtio-tx-alg
    virtio-vga virtio-vga-gl virtio.ats virtio.iommu_platform virtio.packed virtual-css-bridge
    virtual-css-bridge.cssid-unrestricted vmcoreinfo vmgenid vmware-svga vmware-svga.vgamem_mb vnc vnc-colon
    vnc-multi-servers vnc-opts vnc-power-control vnc-share-policy vnc-websocket vnet-hdr vserport-change-event
    vt82c686b-usb-uhci vxhs x3130-upstream x86-max-cpu xen-domid xio3130-downstream zpci
    """.split()
)


def is_known(name: str) -> bool:
    """Whether a release of libvirt up to 11.3.0 has a capability of that name."""
    return name.removeprefix(_RETIRED) in _NAMES


def names() -> frozenset[str]:
    """Return every name, without the mark of those that are no longer used."""
    return _NAMES
