# bash completion of vfslint: source <(vfslint completion bash)
# Made by tools/make_completion.py. Do not edit.

# Each function adds what begins like $value to COMPREPLY. $before is the part of bash's own word that precedes it.

_vfslint_words() {
  local word
  while IFS= read -r word; do
    COMPREPLY+=("$before$word")
  done < <(compgen -W "$1" -- "$value")
}

_vfslint_files() {
  local file
  # readline completes these as file names: it quotes them, and adds a slash to a folder.
  compopt -o filenames 2>/dev/null
  # An open quote is not part of the name.
  while IFS= read -r file; do
    COMPREPLY+=("$before$file")
  done < <(compgen -f -- "${value#[\"\']}")
}

_vfslint_rules() {
  if [[ $value == *,* ]]; then
    before+=${value%,*},
    value=${value##*,}
  fi
  _vfslint_words '
    VFS001 malformed-xml
    VFS002 default-namespace
    VFS003 entity-in-text
    VFS004 unsupported-file
    VFS006 not-a-domain
    VFS010 unknown-element
    VFS011 unknown-attribute
    VFS012 wrong-value
    VFS013 missing-attribute
    VFS014 missing-element
    VFS015 repeated-element
    VFS016 misplaced-element
    VFS017 misplaced-attribute
    VFS018 unexpected-text
    VFS019 wrong-order
    VFS020 domain-type-missing
    VFS022 domain-type-without-driver
    VFS023 name-missing
    VFS024 name-unusable
    VFS025 uuid-malformed
    VFS026 title-with-line-break
    VFS027 os-type-missing
    VFS028 os-type-not-hvm
    VFS029 bootloader-with-qemu
    VFS030 architecture-unknown
    VFS031 emulator-of-another-architecture
    VFS032 emulator-not-absolute
    VFS033 machine-unknown
    VFS034 machine-not-in-qemu
    VFS035 machine-without-pci
    VFS036 pci-root-of-another-machine
    VFS037 iommu-needs-q35
    VFS038 iommu-options-clash
    VFS039 uefi-without-acpi
    VFS040 vcpu-count-unreadable
    VFS041 no-vcpu
    VFS042 more-vcpus-than-machine
    VFS043 count-kills-libvirtd
    VFS044 current-vcpus-above-maximum
    VFS045 many-vcpus-need-iommu
    VFS046 topology-mismatch
    VFS047 input-not-on-this-machine
    VFS048 firmware-not-named
    VFS049 lifecycle-action-unsupported
    VFS050 migratable-without-host-cpu
    VFS051 cpu-detail-without-model
    VFS052 cpu-feature-name
    VFS053 cpu-model-detail
    VFS054 cpu-cache-impossible
    VFS055 pinned-twice
    VFS056 iothread-twice
    VFS057 vcpus-contradictory
    VFS058 clock-incomplete
    VFS059 resource-without-partition
    VFS060 unknown-word
    VFS061 value-missing
    VFS062 not-a-number
    VFS063 size-unreadable
    VFS064 unit-unknown
    VFS065 size-too-large
    VFS066 set-unreadable
    VFS067 firmware-selection-overruled
    VFS068 bios-serial-without-port
    VFS069 launch-security-without-policy
    VFS070 libvirt-schema-violation
    VFS071 firmware-variables-impossible
    VFS072 secure-boot-impossible
    VFS073 nvram-image-unsupported
    VFS074 shim-without-kernel
    VFS075 init-of-container
    VFS076 acpi-or-uefi-not-on-this-machine
    VFS077 host-cpu-without-kvm
    VFS078 many-vcpus-without-x2apic
    VFS090 unused-suppression
    VFS091 unknown-rule-suppressed
    VFS092 suppression-not-understood
    VFS093 suppression-dropped
    VFS101 memory-not-shared
    VFS102 memory-missing
    VFS103 maximum-memory-incomplete
    VFS104 maximum-below-memory
    VFS105 hotplug-without-numa
    VFS106 current-memory-above-memory
    VFS107 backing-source-unknown
    VFS108 access-mode-unknown
    VFS109 allocation-mode-unknown
    VFS110 allocation-threads-unsupported
    VFS111 locked-without-limit
    VFS112 backing-option-without-effect
    VFS113 blob-without-memfd
    VFS114 passthrough-with-memory-files
    VFS115 confidential-guest-with-vhost-user
    VFS116 sharing-needs-numa
    VFS130 numa-without-cells
    VFS131 cell-ids-with-gaps
    VFS132 cell-id-repeated
    VFS133 cell-without-memory
    VFS134 cells-overlap
    VFS135 cells-exceed-vcpus
    VFS136 cell-unit-missing
    VFS137 cell-memory-zero
    VFS138 cell-sum-differs
    VFS139 distances-inconsistent
    VFS140 numatune-invalid
    VFS141 vcpus-without-cell
    VFS142 numa-not-on-this-machine
    VFS143 cell-cache-invalid
    VFS150 page-size-missing
    VFS151 page-size-zero
    VFS152 page-size-impossible
    VFS153 ordinary-page-as-huge
    VFS154 two-default-page-sizes
    VFS155 page-nodesets-overlap
    VFS156 page-nodeset-unknown-cells
    VFS157 hugepages-on-demand
    VFS158 hugepages-anonymous
    VFS159 memory-not-in-whole-pages
    VFS160 cells-without-huge-pages
    VFS170 memory-device-without-maximum
    VFS171 memory-device-incomplete
    VFS172 memory-device-node
    VFS173 memory-device-without-acpi
    VFS174 private-memory-device
    VFS175 private-pmem
    VFS176 memory-device-geometry
    VFS177 dynamic-memory-slots
    VFS178 memory-devices-exceed-memory
    VFS179 memory-slots-exhausted
    VFS180 memory-device-page-size
    VFS182 memory-device-not-on-this-machine
    VFS189 pmem-not-in-this-libvirt
    VFS201 filesystem-word-unknown
    VFS202 filesystem-type-not-mount
    VFS203 filesystem-driver-unsupported
    VFS204 accessmode-not-passthrough
    VFS205 not-for-virtiofs
    VFS206 fmode-without-mapped
    VFS207 mode-not-octal
    VFS208 space-limit-refused
    VFS209 space-limit-malformed
    VFS210 source-missing
    VFS211 target-missing
    VFS212 source-not-absolute
    VFS213 source-is-root
    VFS214 comma-in-source
    VFS216 mount-tag-too-long
    VFS217 mount-tag-too-long-for-9p
    VFS218 mount-tag-repeated
    VFS219 mount-tag-looks-like-a-path
    VFS220 directory-cached-twice
    VFS221 readonly-refused
    VFS222 readonly-needs-newer-virtiofsd
    VFS224 readonly-as-attribute
    VFS225 virtiofs-as-driver-name
    VFS226 filesystem-outside-devices
    VFS230 queue-not-a-number
    VFS231 queue-size-refused
    VFS232 small-queue-for-windows
    VFS233 root-not-a-mount-tag
    VFS234 commandline-numa-memory
    VFS235 commandline-takes-pci-slot
    VFS236 commandline-property-unknown
    VFS237 commandline-reference-missing
    VFS238 commandline-words-in-one-argument
    VFS239 commandline-bus-not-created-yet
    VFS240 address-malformed
    VFS241 pci-number-too-large
    VFS242 pci-address-taken
    VFS243 pci-slot-unavailable
    VFS244 address-not-for-virtiofs
    VFS245 address-type-refused
    VFS250 boot-order-malformed
    VFS251 boot-order-with-os-boot
    VFS252 boot-order-repeated
    VFS253 boot-order-on-9p
    VFS254 boot-order-needs-pci
    VFS255 boot-order-without-uefi
    VFS260 alias-repeated
    VFS261 alias-dropped
    VFS262 disk-source-missing
    VFS263 lun-without-device
    VFS264 disk-name-unusable
    VFS265 disk-thread-invalid
    VFS266 network-disk-invalid
    VFS267 disk-secret-invalid
    VFS268 disk-source-incomplete
    VFS269 controller-index-kills-libvirtd
    VFS270 iommu-not-supported
    VFS271 drive-place-invalid
    VFS272 controller-ports-malformed
    VFS273 controller-child-repeated
    VFS274 controller-repeated
    VFS275 pci-controller-invalid
    VFS276 controller-without-queues
    VFS277 input-bus-invalid
    VFS278 device-only-once
    VFS279 balloon-period-malformed
    VFS280 vhostuser-interface-source
    VFS281 vhostuser-interface-model
    VFS282 vhost-disk-source
    VFS283 not-for-vhostuser-disk
    VFS284 vhostvdpa-cache-mode
    VFS285 video-none-not-alone
    VFS286 vhostuser-video-model
    VFS287 video-driver-unknown
    VFS288 mac-address-malformed
    VFS289 interface-source-missing
    VFS290 qemu-namespace-missing
    VFS291 commandline-memory-not-shared
    VFS292 commandline-repeats-mount-tag
    VFS293 disk-target-missing
    VFS294 disk-target-repeated
    VFS295 ide-on-q35
    VFS296 pci-root-with-index
    VFS297 pci-controller-misnamed
    VFS298 pci-controller-cell-invalid
    VFS299 pci-controller-option-invalid
    VFS301 binary-not-absolute
    VFS302 lock-not-supported
    VFS303 thread-pool-not-a-number
    VFS304 thread-pool-size-unreasonable
    VFS305 openfiles-not-a-number
    VFS306 openfiles-out-of-range
    VFS307 session-mode-unsupported
    VFS308 sandbox-needs-root
    VFS309 virtiofs-unknown-to-qemu
    VFS310 binary-of-another-distribution
    VFS320 idmap-incomplete
    VFS321 idmap-needs-session
    VFS322 idmap-without-users
    VFS323 idmap-without-groups
    VFS324 idmap-overlaps
    VFS325 idmap-without-root
    VFS330 snapshot-without-shared-files
    VFS401 directory-with-socket
    VFS402 socket-without-virtiofs
    VFS403 socket-not-absolute
    VFS404 socket-path-too-long
    VFS405 option-ignored-with-socket
    VFS406 socket-used-twice
    VFS407 readonly-with-socket
    VFS501 conf-syntax
    VFS502 unknown-setting
    VFS503 setting-type
    VFS504 setting-value
    VFS505 setting-out-of-range
    VFS506 duplicate-setting
    VFS507 obsolete-setting
    VFS508 setting-too-new
    VFS509 directory-not-absolute
    VFS510 backing-dir-not-absolute
    VFS511 hugetlbfs-mount-empty
    VFS512 migration-to-itself
    VFS513 vnc-password-too-long
    VFS514 dump-quota-unreadable
    VFS515 deprecation-behavior-unknown
    VFS516 capabilities-filtered
    VFS517 virtiofsd-debug
    VFS518 device-acl-incomplete
    VFS519 namespaces-in-session
    VFS520 confinement-off
    VFS521 qemu-as-root
    VFS522 port-range
    VFS523 confinement-required-but-off
    VFS524 nvram-entry-malformed
    VFS525 lock-manager-unknown
    VFS530 memory-in-files-on-disk
    VFS531 hugepages-disabled
    VFS532 capability-hidden
    VFS533 save-at-shutdown-fails
    VFS540 conf-user-not-on-host
    VFS541 hugetlbfs-mount-not-on-host
    VFS542 conf-directory-not-creatable
    VFS601 source-missing-on-host
    VFS602 source-not-a-directory
    VFS603 socket-missing-on-host
    VFS604 not-a-socket
    VFS605 binary-missing-on-host
    VFS606 no-virtiofsd-on-host
    VFS607 daemon-lacks-option
    VFS608 daemon-gives-no-capabilities
    VFS609 no-id-mapping-on-host
    VFS610 too-few-huge-pages
    VFS611 no-hugetlbfs-on-host
    VFS612 page-size-not-on-host
    VFS613 memory-file-on-disk
    VFS614 memory-file-too-large
    VFS615 more-memory-than-host
    VFS616 emulator-missing-on-host
    VFS617 source-is-a-link
    VFS618 wrapper-drops-arguments
    VFS619 source-not-accessible
    VFS620 virtiofs-not-on-host
    VFS621 memfd-not-on-host
    VFS622 idmap-outside-own-ids
    VFS623 no-ranges-of-ids-on-host
    VFS624 path-of-guests-sockets-too-long
    VFS630 file-missing-on-host
    VFS631 folder-missing-on-host
    VFS632 nobody-connects-to-socket
    VFS633 no-kvm-on-host
    VFS634 image-of-wrong-kind-on-host
    VFS640 numa-node-not-on-host
    VFS641 cpus-not-on-host
    VFS642 security-model-not-on-host
    VFS701 too-new
    VFS702 guest-too-old-for-virtiofs
    VFS703 virtiofs-needs-qemu
    VFS801 socket-of-two-domains
    VFS802 name-of-two-domains
    VFS803 uuid-of-two-domains
    VFS804 domain-defined-twice
    VFS805 image-of-two-domains
    VFS806 port-of-two-domains
    VFS807 device-of-two-domains
    VFS810 huge-pages-short-together
    VFS811 memory-files-too-large-together
    VFS820 stale-cache-between-domains
    VFS900 disk-option-requires-virtio
    VFS901 disk-bus-invalid
    VFS902 disk-property-unsupported
    VFS903 disk-identity-malformed
    VFS904 lun-option-invalid
    VFS905 disk-driver-contradictory
    VFS906 transient-disk-invalid
    VFS907 disk-limits-inconsistent
    VFS908 disk-limits-invalid
    VFS909 disk-address-invalid
    VFS910 disk-format-unsupported
    VFS911 disk-encryption-invalid
    VFS912 interface-option-unsupported
    VFS913 interface-guest-address-unsupported
    VFS914 interface-queue-size-invalid
    VFS915 interface-virtio-option-unsupported
    VFS916 interface-driver-value-invalid
    VFS917 vdpa-interface-model
    VFS918 interface-teaming-invalid
    VFS919 hostdev-teaming-invalid
    VFS920 interface-passt-invalid
    VFS921 interface-traffic-invalid
    VFS922 virtualport-parameters-invalid
    VFS923 interface-address-malformed
    VFS924 hostdev-repeated
    VFS925 hostdev-address-type
    VFS926 hostdev-option-unsupported
    VFS927 hostdev-source-incomplete
    VFS928 usb-redirection-invalid
    VFS929 lease-incomplete
    VFS930 character-source-incomplete
    VFS931 character-source-unreadable
    VFS932 socket-options-unsupported
    VFS933 legacy-device-unsupported
    VFS934 spice-device-invalid
    VFS935 device-security-label-invalid
    VFS936 serial-port-inconsistent
    VFS937 isa-serial-ports-exhausted
    VFS938 console-invalid
    VFS939 smartcard-invalid
    VFS940 display-listen-invalid
    VFS941 display-setting-invalid
    VFS942 displays-unsupported
    VFS943 video-not-primary
    VFS944 video-setting-unsupported
    VFS945 audio-reference-invalid
    VFS946 audio-settings-invalid
    VFS947 input-source-misplaced
    VFS948 watchdog-unsupported
    VFS949 panic-unsupported
    VFS950 tpm-unsupported
    VFS951 shared-memory-invalid
    VFS952 unsupported-on-this-machine
    VFS953 container-idmap-incomplete
    VFS954 tpm-backend-incomplete
    VFS955 setting-repeated
    VFS956 pstore-invalid
    VFS957 memory-device-option-invalid
    VFS958 security-label-incomplete
    VFS959 system-information-invalid
    VFS960 timer-setting-unsupported
    VFS961 timer-not-on-this-machine
    VFS962 feature-not-on-this-machine
    VFS963 feature-requires-another
    VFS964 feature-setting-invalid
    VFS965 hyperv-feature-requires-another
    VFS966 tuned-thread-missing
    VFS967 scheduled-twice
    VFS968 thread-pool-bounds
    VFS969 cache-tuning-conflict
    VFS970 cache-tuning-without-kvm
    VFS971 cache-tuning-empty
    VFS972 cpu-shares-out-of-range
    VFS973 interconnect-invalid
    VFS974 sve-lengths-without-sve
    VFS975 pseries-bridge-invalid
    VFS976 pci-bus-not-suitable
    VFS977 pci-slot-missing
    VFS978 chipset-controller-moved
    VFS979 pci-expander-bus-invalid
    VFS980 usb-port-unavailable
    VFS981 usb-controller-next-to-none
    VFS982 usb-controller-invalid
    VFS983 controller-option-not-supported
    VFS984 controller-iothread-invalid
    VFS985 controller-not-in-qemu
    VFS986 pci-root-with-address
    VFS987 virtio-serial-port-unavailable
    VFS988 zpci-not-supported
    VFS989 usb-controller-without-ports
    VFS990 drive-address-invalid
    VFS991 channel-address-taken
    VFS992 zpci-identifier-invalid
    VFS993 vio-register-too-large
  '
}

_vfslint_formats() {
  if [[ $value != *=* ]]; then
    _vfslint_words 'text concise json jsonl sarif github gitlab junit checkstyle'
    return
  fi
  [[ $COMP_WORDBREAKS == *=* ]] || before+=${value%%=*}=
  value=${value#*=}
  _vfslint_files
}

_vfslint() {
  local command=lint flags= option= value before= word line=() i
  COMPREPLY=()
  # By default, bash splits words at "=".
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 1)) && [[ $word == =* || (${COMP_WORDS[i - 1]} == *= && ${line[${#line[@]} - 1]} == *=) ]]; then
      line[${#line[@]} - 1]+=$word
    else
      line+=("$word")
    fi
  done
  value=${line[${#line[@]} - 1]}
  ((i = ${#line[@]} - 1))
  case " rules explain setup host config targets vocabulary completion " in
    *" ${line[0]} "*) ((i > 0)) && command=${line[0]} ;;
  esac
  case $command in
    lint) flags='-h --help --version -q --quiet -v --verbose --select --ignore --kind --stdin-filename --strict-root --only-domains --force-exclude --no-ignore --no-suppressions --fix --unsafe-fixes --diff --show-fixes --target --libvirt --qemu --virtiofsd --session --no-session --qemu-conf --host --host-facts --one-host --no-one-host --from --libvirt-schema --config --isolated --baseline --write-baseline --format --output-file --color --hyperlinks --statistics --fail-on --exit-zero' ;;
    rules) flags='-h --help --format --hyperlinks' ;;
    explain) flags='-h --help --format --hyperlinks --for --target --libvirt --qemu --virtiofsd --session --no-session --qemu-conf --host --host-facts --one-host --no-one-host --config --isolated' ;;
    setup) flags='-h --help --undo --target --libvirt --qemu --virtiofsd --session --no-session --qemu-conf --host --host-facts --one-host --no-one-host --config --isolated' ;;
    host) flags='-h --help --session --no-session' ;;
    config) flags='-h --help --format --select --ignore --kind --target --libvirt --qemu --virtiofsd --session --no-session --qemu-conf --host --host-facts --one-host --no-one-host --config --isolated --fail-on --exit-zero' ;;
    targets) flags='-h --help --format' ;;
    vocabulary) flags='-h --help --format' ;;
    completion) flags='-h --help' ;;
  esac
  if [[ $value == --*=* ]]; then
    option=${value%%=*}
    [[ $COMP_WORDBREAKS == *=* ]] || before=$option=
    value=${value#*=}
  elif ((i > 0)); then
    option=${line[i - 1]}
  fi
  if [[ $option == --* && $option != *=* ]]; then
    case $command:$option in
      lint:--select|lint:--ignore|config:--select|config:--ignore) _vfslint_rules ;;
      lint:--kind|config:--kind) _vfslint_words 'auto domain qemu-conf' ;;
      lint:--stdin-filename|lint:--qemu-conf|lint:--host-facts|lint:--from|lint:--libvirt-schema|lint:--config|lint:--baseline|lint:--write-baseline|lint:--output-file|explain:--for|explain:--qemu-conf|explain:--host-facts|explain:--config|setup:--qemu-conf|setup:--host-facts|setup:--config|config:--qemu-conf|config:--host-facts|config:--config) _vfslint_files ;;
      lint:--target|explain:--target|setup:--target|config:--target) _vfslint_words 'newest oldest alpine-3.24 alpine arch-2025.10 arch centos-stream-9 centos-stream-10 debian-11 debian-12 debian-13 fedora-42 fedora-43 fedora-44 fedora opensuse-leap-15.6 opensuse-leap rhel-8 almalinux-8 rocky-8 rhel-9 almalinux-9 rocky-9 rhel-10 almalinux-10 rocky-10 sles-15 ubuntu-20.04 ubuntu-22.04 ubuntu-24.04 ubuntu-26.04' ;;
      lint:--libvirt|lint:--qemu|lint:--virtiofsd|explain:--libvirt|explain:--qemu|explain:--virtiofsd|setup:--libvirt|setup:--qemu|setup:--virtiofsd|config:--libvirt|config:--qemu|config:--virtiofsd) : ;;
      lint:--format) _vfslint_formats ;;
      lint:--color|lint:--hyperlinks|rules:--hyperlinks|explain:--hyperlinks) _vfslint_words 'auto always never' ;;
      lint:--fail-on|config:--fail-on) _vfslint_words 'error warning note never' ;;
      rules:--format|explain:--format) _vfslint_words 'text json markdown' ;;
      config:--format|targets:--format|vocabulary:--format) _vfslint_words 'text json' ;;
      *) option= ;;
    esac
    [[ $option ]] && return
  fi
  if [[ $value == -* ]]; then
    _vfslint_words "$flags"
    return
  fi
  case $command in
    lint)
      ((i == 0)) && _vfslint_words 'rules explain setup host config targets vocabulary completion'
      _vfslint_files
      ;;
    rules) _vfslint_rules ;;
    explain) _vfslint_rules; _vfslint_files ;;
    setup) _vfslint_files ;;
    host) _vfslint_files ;;
    config) _vfslint_files ;;
    completion) _vfslint_words 'bash zsh fish' ;;
  esac
}

complete -F _vfslint vfslint
