# Called by mmdebstrap before it forgets its package lists: root, packages → their files in the root, not installed.
set -e
target=$1/var/cache/dicos/archives
shift
mkdir -p "$target"
cd "$target"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
for package; do
    # A kernel's stable name only depends on the package that has the files.
    real=$(apt-cache depends --important "$package" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
    apt-get --quiet download "${real:-$package}"
done
