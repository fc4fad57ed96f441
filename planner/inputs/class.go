package inputs

// DigestVersion is the version of what an input digest is made of. It is part
// of every digest, so that digests of different versions never compare equal.
const DigestVersion = 1

// Class is one kind of input that can change the result of a vertex or a
// target. A digest is made of a sum for each class, and of nothing else.
type Class int

// These are all classes. The comments say what goes in, and so what a digest
// is; what is in none of them does not count: times and owners of files, what
// a umask takes from their modes, where the checkout is, names of targets and
// contexts, tags and destinations, caches, proxies, the values of secrets, and
// what a RUN fetches by itself.
const (
	// ClassKind is what is computed: a stage, an image, a context, an opaque
	// build, or a target.
	ClassKind Class = iota
	// ClassPlatform is the platform that a vertex is built for, or the
	// platforms of a target.
	ClassPlatform
	// ClassFrontend is what reads the Dockerfile: the # syntax line or
	// BUILDKIT_SYNTAX, and the escape character.
	ClassFrontend
	// ClassInstruction is the text of every instruction, triggers of ONBUILD
	// included, after the expansion of variables where the builder expands
	// them; for a frontend that is not known, the whole file.
	ClassInstruction
	// ClassArgument is every build argument that a stage declares, with its
	// value; and those of BuildKit's own arguments that steps can feel.
	ClassArgument
	// ClassFileName is the path and type of every file, link, directory and
	// special file that is read from a local context; the sources that match
	// nothing; for a device its number.
	ClassFileName
	// ClassFileContent is the SHA-256 of every regular file that is read.
	ClassFileContent
	// ClassFileMode is for every regular file that is read whether its owner
	// may execute it, and its setuid, setgid and sticky bits.
	ClassFileMode
	// ClassLink is what every symbolic link that is read points to.
	ClassLink
	// ClassImage is the reference of an image, or of an OCI layout without its
	// folder, written out in full.
	ClassImage
	// ClassImageDigest is the digest that such a reference is pinned to.
	ClassImageDigest
	// ClassRemote is the URL of a git repository or file that the builder
	// fetches, with the commit or checksum that it is pinned to.
	ClassRemote
	// ClassMount is every --mount of a RUN after the expansion of variables.
	ClassMount
	// ClassSecret is the id of every secret that a RUN mounts, and for a
	// target which of them it provides; never a value, nor where it is from.
	ClassSecret
	// ClassSSH is the same for ssh agents and keys.
	ClassSSH
	// ClassNetwork is the network of a target's RUN steps.
	ClassNetwork
	// ClassHosts is the target's extra hosts, if there is a RUN.
	ClassHosts
	// ClassShm is the size of /dev/shm, if there is a RUN.
	ClassShm
	// ClassUlimits is the limits of processes, if there is a RUN.
	ClassUlimits
	// ClassResources is the memory and processors of RUN steps.
	ClassResources
	// ClassEpoch is SOURCE_DATE_EPOCH.
	ClassEpoch
	// ClassUpstream is the digest of everything that a vertex starts from and
	// takes from, in order, and for what; for a target, what it ends in.
	ClassUpstream
	// ClassLabel is the labels of a target.
	ClassLabel
	// ClassAnnotation is the annotations of a target.
	ClassAnnotation
	// ClassAttestation is the attestations of a target.
	ClassAttestation
	// ClassOutput is the form of a target's outputs: their types and the
	// attributes that change what is written, but not where it goes.
	ClassOutput
	// ClassPolicy is the source policies of a target, which may put one source
	// in the place of another.
	ClassPolicy
	classes
)

var classNames = [classes]string{
	"kind", "platform", "frontend", "instruction", "argument", "file-name", "file-content", "file-mode", "link",
	"image", "image-digest", "remote", "mount", "secret", "ssh", "network", "hosts", "shm", "ulimits", "resources",
	"epoch", "upstream", "label", "annotation", "attestation", "output", "policy",
}

// String is the name of a class in text and JSON.
func (c Class) String() string {
	if c < 0 || c >= classes {
		return "unknown"
	}
	return classNames[c]
}

// Classes returns all classes in their order.
func Classes() []Class {
	out := make([]Class, classes)
	for i := range out {
		out[i] = Class(i)
	}
	return out
}
