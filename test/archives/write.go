// Archives a directory with Go's archive/tar, as docker, podman, crane and bazel's rules do.
//
//	write FORMAT DIRECTORY > archive
package main

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	formats := map[string]tar.Format{"ustar": tar.FormatUSTAR, "pax": tar.FormatPAX, "gnu": tar.FormatGNU, "auto": tar.FormatUnknown}
	format, root := formats[os.Args[1]], os.Args[2]
	out := tar.NewWriter(os.Stdout)
	seen := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		link, _ := os.Readlink(path)
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		header.Name, _ = filepath.Rel(root, path)
		if info.IsDir() {
			header.Name += "/"
		}
		header.Format = format
		if format == tar.FormatUSTAR || format == tar.FormatUnknown {
			header.ModTime = header.ModTime.Truncate(1e9)
			header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
		}
		stat := info.Sys().(*syscall.Stat_t)
		if first, ok := seen[stat.Ino]; ok && stat.Nlink > 1 && !info.IsDir() {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		}
		if err := out.WriteHeader(header); err != nil {
			return nil // a name that this format cannot hold
		}
		if stat.Nlink > 1 {
			if _, ok := seen[stat.Ino]; !ok {
				seen[stat.Ino] = header.Name
			}
		}
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(out, file)
		return err
	})
	if err != nil {
		panic(err)
	}
	out.Close()
}
